"""Strategy `drain-soonest`: the week that ends first is used up first."""

from dataclasses import replace

import pytest

from app.routing import Sticky, StickyChange, after_served, plan
from app.values import Candidate, ProxyRequest, Window

NOW = 1_785_500_000_000
HOUR = 3_600_000
ASKED = ProxyRequest(1, NOW, "POST", "/v1/messages", "/v1/messages", (), b"", "claude-opus-4-8")
STICKY = Sticky(5 * HOUR)


def account(name: str, resets_in: int | None = None, used: float = 0.0, priority: int = 0) -> Candidate:
    reset_at = None if resets_in is None else NOW + resets_in
    return Candidate(
        ord(name), name, "max", priority, windows=(Window("7d", used, reset_at, "allowed", NOW, "header"),)
    )


@pytest.mark.parametrize(
    ("candidates", "order"),
    [
        pytest.param([account("a", 2 * HOUR), account("b", HOUR), account("c")], "bac", id="the soonest, unknown last"),
        pytest.param([account("a", -HOUR), account("b", HOUR)], "ba", id="a past reset is unknown"),
        pytest.param([account("a", 2 * HOUR), account("b", HOUR, priority=9)], "ba", id="before priority"),
        pytest.param([account("a", HOUR, priority=1), account("b", HOUR)], "ba", id="then priority"),
        pytest.param([account("a", HOUR, 0.5), account("b", HOUR, 0.1)], "ba", id="then use"),
        pytest.param([account("b", HOUR), account("a", HOUR)], "ab", id="then name"),
        pytest.param(
            [account("a", HOUR), replace(account("b", 9 * HOUR, 0.9, 5), session_start=NOW - HOUR)],
            "ba",
            id="a running session is never cut short",
        ),
        pytest.param(
            [account("a", HOUR), replace(account("b"), session_start=NOW - HOUR, paused=True)],
            "a",
            id="unless its account cannot be asked",
        ),
    ],
)
def test_order(candidates: list[Candidate], order: str) -> None:
    made = plan("drain-soonest", candidates, ASKED, NOW, STICKY)
    assert "".join(candidate.name for candidate in made.order) == order


def test_session_starts_once_an_answer_was_served() -> None:
    candidates = [account("a", HOUR)]
    made = plan("drain-soonest", candidates, ASKED, NOW, STICKY)
    assert after_served("drain-soonest", made, candidates[0], ASKED, NOW) == StickyChange("start", ord("a"), NOW)
