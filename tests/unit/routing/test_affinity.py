"""Strategy `session-affinity`: each client session stays where it was served."""

from dataclasses import replace

import pytest

from app.routing import Plan, Sticky, StickyChange, after_served, plan
from app.values import Candidate, ProxyRequest, Window

NOW = 1_785_500_000_000
ASKED = ProxyRequest(1, NOW, "POST", "/v1/messages", "/v1/messages", (), b"", "claude-opus-4-8", session_id="s")
A, B, C = (
    Candidate(number, name, "max", windows=(Window("5h", used, NOW + 1, "allowed", NOW, "header"),))
    for number, name, used in ((1, "a", 0.5), (2, "b", 0.1), (3, "c", 0.9))
)
WORSE = replace(B, priority=5)


def sticky(pinned: int | None = None, **recent: int) -> Sticky:
    return Sticky(18_000_000, pinned, {ord(name) - 96: at for name, at in recent.items()})


def planned(remembered: Sticky, *candidates: Candidate, request: ProxyRequest = ASKED) -> Plan:
    return plan("session-affinity", candidates, request, NOW, remembered)


def names(made: Plan) -> str:
    return "".join(candidate.name for candidate in made.order)


@pytest.mark.parametrize(
    ("remembered", "candidates", "order"),
    [
        pytest.param(sticky(), (A, B, C), "bac", id="a new session goes to the least used"),
        pytest.param(sticky(), (A, WORSE, C), "acb", id="of the best priority"),
        pytest.param(sticky(b=NOW - 100), (A, B, C), "acb", id="not to the one chosen a moment ago"),
        pytest.param(sticky(3), (A, B, C), "cba", id="a pinned session stays, however full"),
        pytest.param(sticky(2), (A, WORSE, C), "bac", id="and whatever its priority"),
        pytest.param(sticky(3), (A, B, replace(C, paused=True)), "ba", id="unless its account cannot be asked"),
        pytest.param(sticky(9), (A, B), "ba", id="or is gone"),
    ],
)
def test_order(remembered: Sticky, candidates: tuple[Candidate, ...], order: str) -> None:
    assert names(planned(remembered, *candidates)) == order


def test_request_without_a_session_goes_to_the_least_used() -> None:
    request = replace(ASKED, session_id=None)
    made = planned(sticky(3), A, B, C, request=request)
    assert names(made) == "bac"
    assert after_served("session-affinity", made, B, request, NOW) is None


@pytest.mark.parametrize(
    ("remembered", "served", "change"),
    [
        pytest.param(sticky(), B, StickyChange("pin", 2, NOW, "s"), id="new session is pinned"),
        pytest.param(sticky(), A, StickyChange("pin", 1, NOW, "s"), id="to who served it"),
        pytest.param(sticky(1), A, StickyChange("touch", 1, NOW, "s"), id="the holder served"),
        pytest.param(sticky(1), B, None, id="one helped out, the holder holds"),
        pytest.param(sticky(9), B, StickyChange("pin", 2, NOW, "s"), id="the holder is gone, it moves"),
    ],
)
def test_session_is_pinned_once_an_answer_was_served(
    remembered: Sticky, served: Candidate, change: StickyChange | None
) -> None:
    made = planned(remembered, A, B)
    assert after_served("session-affinity", made, served, ASKED, NOW) == change


def test_session_that_moved_stays_where_it_moved() -> None:
    moved = planned(sticky(1), replace(A, cooldown_until=NOW + 1), B)
    change = after_served("session-affinity", moved, B, ASKED, NOW)
    assert change == StickyChange("pin", 2, NOW, "s")
    assert names(planned(sticky(change.account_id), A, B)) == "ba"
