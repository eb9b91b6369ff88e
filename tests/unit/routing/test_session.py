"""Strategy `session`: one sticky account for the pool."""

from dataclasses import replace

import pytest

from app.routing import Plan, Sticky, StickyChange, after_served, plan
from app.routing.session import is_active
from app.values import Candidate, ProxyRequest, Window

NOW = 1_785_500_000_000
HOUR = 3_600_000
DURATION = 5 * HOUR
STICKY = Sticky(DURATION)
ASKED = ProxyRequest(1, NOW, "POST", "/v1/messages", "/v1/messages", (), b"", "claude-opus-4-8")


def account(
    name: str, priority: int = 0, used: float | None = None, began: int | None = None, **more: object
) -> Candidate:
    """Return an account. `began`: how many ms ago its session began."""
    windows = () if used is None else (Window("5h", used, NOW + HOUR, "allowed", NOW, "header"),)
    start = None if began is None else NOW - began
    made = Candidate(ord(name), name, "max", priority, windows=windows, session_start=start)
    return replace(made, **more)  # type: ignore[arg-type]


def planned(*candidates: Candidate) -> Plan:
    return plan("session", candidates, ASKED, NOW, STICKY)


def names(made: Plan) -> str:
    return "".join(candidate.name for candidate in made.order)


@pytest.mark.parametrize(
    ("candidates", "order"),
    [
        pytest.param([account("a"), account("b")], "ab", id="no session: by name"),
        pytest.param([account("a", 1), account("b")], "ba", id="no session: by priority"),
        pytest.param([account("a", used=0.5), account("b", used=0.1), account("c")], "cba", id="no session: by use"),
        pytest.param([account("a", 1, 0.0), account("b", 0, 0.9)], "ba", id="priority before use"),
        pytest.param([account("a"), account("b", began=HOUR)], "ba", id="the session's holder is first"),
        pytest.param([account("a"), account("b", used=0.99, began=HOUR)], "ba", id="however full it is"),
        pytest.param(
            [account("a", began=2 * HOUR), account("b", began=HOUR), account("c")], "bac", id="the newest holds"
        ),
        pytest.param([account("a"), account("b", began=DURATION)], "ab", id="a session that is over"),
        pytest.param([account("a"), account("b", 1, began=HOUR)], "ab", id="a better priority is back"),
        pytest.param([account("a", 1), account("b", began=HOUR)], "ba", id="a worse priority is no reason"),
        pytest.param([account("a"), account("b", began=HOUR, cooldown_until=NOW + 1)], "a", id="the holder cools down"),
        pytest.param(
            [account("a"), account("b", began=HOUR, paused=True), account("c", began=2 * HOUR)],
            "ac",
            id="an older session takes no turn",
        ),
        pytest.param(
            [account("a", cooldown_until=NOW + 1), account("b", 1, began=HOUR)], "b", id="the better one cools down"
        ),
        pytest.param([account("a"), account("b", began=HOUR, session_reset_at=NOW)], "ab", id="its window has reset"),
        pytest.param(
            [account("a"), account("b", began=HOUR, session_reset_at=NOW - 2 * HOUR)],
            "ba",
            id="a reset before the session began ends nothing",
        ),
        pytest.param(
            [account("a"), account("b", began=HOUR, session_reset_at=NOW + 1)], "ba", id="its window resets later"
        ),
        pytest.param([account("a", began=HOUR), account("b", began=HOUR)], "ba", id="two that began together"),
        pytest.param([account("a", paused=True)], "", id="nobody"),
    ],
)
def test_order(candidates: list[Candidate], order: str) -> None:
    assert names(planned(*candidates)) == order
    assert names(planned(*reversed(candidates))) == order


def test_session_survives_a_cool_down() -> None:
    cooling = account("b", began=HOUR, cooldown_until=NOW + 1)
    assert names(planned(account("a"), cooling)) == "a"
    assert names(planned(account("a"), replace(cooling, cooldown_until=NOW))) == "ba"


@pytest.mark.parametrize(
    ("start", "reset_at", "active"),
    [
        (None, None, False),
        (NOW, None, True),
        (NOW - DURATION + 1, None, True),
        (NOW - DURATION, None, False),
        (NOW - HOUR, NOW + 1, True),
        (NOW - HOUR, NOW, False),
        (NOW - HOUR, NOW - HOUR, True),
    ],
)
def test_session_runs_for_its_duration_or_to_the_reset(start: int | None, reset_at: int | None, active: bool) -> None:
    assert is_active(Candidate(1, "a", "max", session_start=start, session_reset_at=reset_at), DURATION, NOW) is active


def change_after(served: str, *candidates: Candidate) -> StickyChange | None:
    made = planned(*candidates)
    account_served = next(candidate for candidate in made.order if candidate.name == served)
    return after_served("session", made, account_served, ASKED, NOW)


def started(name: str) -> StickyChange:
    return StickyChange("start", ord(name), NOW)


@pytest.mark.parametrize(
    ("served", "candidates", "change"),
    [
        pytest.param("a", [account("a"), account("b")], started("a"), id="the best starts one"),
        pytest.param("b", [account("a"), account("b")], started("b"), id="the best failed, who served starts one"),
        pytest.param("b", [account("a"), account("b", began=HOUR)], None, id="the holder served"),
        pytest.param("a", [account("a"), account("b", began=HOUR)], None, id="one helped out, the holder holds"),
        pytest.param("a", [account("a"), account("b", 1, began=HOUR)], started("a"), id="a better priority served"),
        pytest.param(
            "b", [account("a"), account("b", 1, began=HOUR)], None, id="a better priority failed, the holder served"
        ),
        pytest.param(
            "a", [account("a"), account("b", began=HOUR, paused=True)], started("a"), id="the holder cannot be asked"
        ),
        pytest.param(
            "a",
            [account("a", began=2 * HOUR), account("b", began=HOUR, paused=True)],
            started("a"),
            id="an older session begins anew",
        ),
        pytest.param(
            "a",
            [account("a", began=HOUR, session_reset_at=NOW - 1)],
            started("a"),
            id="a crossed reset begins a new one",
        ),
    ],
)
def test_session_starts_once_an_answer_was_served(
    served: str, candidates: list[Candidate], change: StickyChange | None
) -> None:
    assert change_after(served, *candidates) == change


def test_crossed_reset_is_consumed_once() -> None:
    before = account("a", began=HOUR, session_reset_at=NOW - 1)
    change = change_after("a", before)
    assert change is not None
    for reset_at in (None, before.session_reset_at):
        renewed = replace(before, session_start=change.at, session_reset_at=reset_at)
        assert change_after("a", renewed) is None
