"""Strategy `least-used`: nothing sticks."""

import pytest

from app.routing import Sticky, after_served, plan
from app.values import Candidate, ProxyRequest, Window

NOW = 1_785_500_000_000
ASKED = ProxyRequest(1, NOW, "POST", "/v1/messages", "/v1/messages", (), b"", "claude-opus-4-8", session_id="s")


def account(name: str, used: float | None, priority: int = 0, reset_at: int = NOW + 1) -> Candidate:
    windows = () if used is None else (Window("7d", used, reset_at, "allowed", NOW, "header"),)
    return Candidate(ord(name), name, "max", priority, windows=windows, session_start=NOW - 1)


@pytest.mark.parametrize(
    ("candidates", "recent", "order"),
    [
        pytest.param([account("a", 0.9), account("b", 0.2), account("c", 0.5)], {}, "bca", id="the most left"),
        pytest.param([account("a", 0.1), account("b", None)], {}, "ba", id="unknown counts as unused"),
        pytest.param([account("a", 0.1), account("b", 0.9, reset_at=NOW)], {}, "ba", id="a window that has reset"),
        pytest.param([account("a", 0.0, 1), account("b", 0.9)], {}, "ba", id="priority first"),
        pytest.param([account("a", 0.1), account("b", 0.2)], {"a": 499}, "ba", id="chosen a moment ago"),
        pytest.param([account("a", 0.1), account("b", 0.2)], {"a": 500}, "ab", id="chosen a while ago"),
        pytest.param([account("a", 0.1), account("b", 0.2)], {"a": 9, "b": 9}, "ab", id="both just chosen"),
    ],
)
def test_order(candidates: list[Candidate], recent: dict[str, int], order: str) -> None:
    remembered = Sticky(18_000_000, recent={ord(name): NOW - ago for name, ago in recent.items()})
    made = plan("least-used", candidates, ASKED, NOW, remembered)
    assert "".join(candidate.name for candidate in made.order) == order


def test_nothing_is_remembered() -> None:
    candidates = [account("a", 0.1)]
    made = plan("least-used", candidates, ASKED, NOW, Sticky(18_000_000))
    assert after_served("least-used", made, candidates[0], ASKED, NOW) is None
