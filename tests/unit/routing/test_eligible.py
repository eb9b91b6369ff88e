"""Why an account may not be asked, and until when."""

from dataclasses import replace

import pytest

from app.routing.eligible import binds, ineligible, is_spent, tried
from app.values import Candidate, Ineligible, Verdict, Window, WindowSource

NOW = 1_785_500_000_000
LATER, MUCH_LATER, BEFORE = NOW + 60_000, NOW + 600_000, NOW - 1
WELL = Candidate(7, "work", "max")


def window(
    kind: str = "5h",
    utilization: float | None = None,
    reset_at: int | None = LATER,
    status: str | None = None,
    source: WindowSource = "header",
) -> Window:
    return Window(kind, utilization, reset_at, status, NOW, source)


def out(reason: str, until: int | None = None, is_limit: bool = False) -> Ineligible:
    return Ineligible(7, "work", reason, until, is_limit)


REJECTED = window(status="rejected")
POLLED_FULL = window("7d", 1.0, MUCH_LATER, source="poll")


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        pytest.param(WELL, None, id="well"),
        pytest.param(replace(WELL, paused=True), out("paused"), id="paused"),
        pytest.param(
            replace(WELL, paused=True, pause_reason="manual"), out("paused (manual)"), id="paused with a reason"
        ),
        pytest.param(replace(WELL, needs_reauth=True), out("needs a new log-in"), id="needs a log-in"),
        pytest.param(
            replace(WELL, paused=True, needs_reauth=True, cooldown_until=LATER),
            out("needs a new log-in"),
            id="log-in first",
        ),
        pytest.param(replace(WELL, paused=True, windows=(REJECTED,)), out("paused"), id="a pause has no end"),
        pytest.param(
            replace(WELL, cooldown_until=LATER, cooldown_reason="burst"),
            out("cooling down (burst)", LATER, True),
            id="cooling down after a limit",
        ),
        pytest.param(
            replace(WELL, cooldown_until=LATER, cooldown_reason="overloaded"),
            out("cooling down (overloaded)", LATER),
            id="cooling down after an overload",
        ),
        pytest.param(replace(WELL, cooldown_until=LATER), out("cooling down", LATER), id="cooling down, who knows why"),
        pytest.param(replace(WELL, cooldown_until=NOW, cooldown_reason="burst"), None, id="cooled down"),
        pytest.param(replace(WELL, windows=(REJECTED,)), out("exhausted (5h)", LATER, True), id="rejected"),
        pytest.param(replace(WELL, windows=(POLLED_FULL,)), out("exhausted (7d)", MUCH_LATER, True), id="polled full"),
        pytest.param(
            replace(WELL, windows=(REJECTED, POLLED_FULL), cooldown_until=LATER, cooldown_reason="quota"),
            out("exhausted (7d)", MUCH_LATER, True),
            id="what lasts longest counts",
        ),
        pytest.param(
            replace(WELL, windows=(REJECTED,), cooldown_until=MUCH_LATER, cooldown_reason="upstream"),
            out("cooling down (upstream)", MUCH_LATER),
            id="a fault that outlasts a limit is no limit",
        ),
        pytest.param(replace(WELL, windows=(REJECTED,), overage_allowed=True), None, id="rejected, may go beyond"),
        pytest.param(replace(WELL, windows=(POLLED_FULL,), overage_allowed=True), None, id="full, may go beyond"),
        pytest.param(
            replace(WELL, windows=(POLLED_FULL,), overage_allowed=False),
            out("exhausted (7d)", MUCH_LATER, True),
            id="full, may not go beyond",
        ),
        pytest.param(
            replace(WELL, cooldown_until=LATER, cooldown_reason="quota", overage_allowed=True),
            out("cooling down (quota)", LATER, True),
            id="overage lifts no cool-down",
        ),
        pytest.param(replace(WELL, windows=(window(utilization=1.2, status="allowed"),)), None, id="full but allowed"),
        pytest.param(replace(WELL, windows=(window(utilization=1.2),)), None, id="full by a header alone"),
        pytest.param(replace(WELL, windows=(window(status="allowed_warning"),)), None, id="a warning"),
        pytest.param(replace(WELL, windows=(window(utilization=0.99, source="poll"),)), None, id="nearly full"),
        pytest.param(replace(WELL, windows=(window(status="rejected", reset_at=BEFORE),)), None, id="reset is past"),
        pytest.param(replace(WELL, windows=(window(status="rejected", reset_at=None),)), None, id="no reset is known"),
        pytest.param(
            replace(WELL, model_cooldowns={"opus": LATER}),
            out("cooling down for opus", LATER, True),
            id="model cools down",
        ),
        pytest.param(replace(WELL, model_cooldowns={"opus": NOW, "haiku": LATER}), None, id="another model cools down"),
        pytest.param(
            replace(WELL, windows=(window("7d_opus", 1.0, source="poll"),)),
            out("exhausted (7d_opus)", LATER, True),
            id="the model's own week is full",
        ),
        pytest.param(
            replace(WELL, windows=(window("7d_sonnet", 1.0, source="poll"), window("7d_oi", status="rejected"))),
            None,
            id="another model's week is full",
        ),
        pytest.param(
            replace(WELL, windows=(window("time_limit", 1.0, source="poll"), window("tokens", 1.0, source="poll"))),
            None,
            id="a limit on something else",
        ),
    ],
)
def test_reason_why_an_account_is_not_asked(candidate: Candidate, expected: Ineligible | None) -> None:
    assert ineligible(candidate, True, "claude-opus-4-8", NOW) == expected


def test_account_that_does_not_serve_the_model_is_not_asked() -> None:
    assert ineligible(WELL, False, "gpt-5", NOW) == out("does not serve this path or model")


def test_models_matter_only_to_requests_that_name_one() -> None:
    candidate = replace(WELL, model_cooldowns={"opus": LATER}, windows=(window("7d_opus", status="rejected"),))
    assert ineligible(candidate, True, None, NOW) is None
    assert ineligible(candidate, True, "claude-opus-4-1[1m]", NOW) is not None


@pytest.mark.parametrize(
    ("kind", "family", "expected"),
    [
        ("5h", None, True),
        ("7d", "opus", True),
        ("7d_oauth_apps", None, True),
        ("7d_opus", "opus", True),
        ("7d_opus", "sonnet", False),
        ("7d_opus", None, False),
        ("7d_oi", "oi", False),
        ("requests", None, False),
    ],
)
def test_window_binds_the_account_or_a_family(kind: str, family: str | None, expected: bool) -> None:
    assert binds(window(kind), family) is expected


def test_window_is_spent_until_its_reset() -> None:
    assert is_spent(REJECTED, LATER - 1)
    assert not is_spent(REJECTED, LATER)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict("quota", "next"), out("tried (quota)", LATER, True)),
        (Verdict("upstream", "retry"), out("tried (upstream)", LATER)),
    ],
)
def test_account_that_was_tried_is_out_for_this_request(verdict: Verdict, expected: Ineligible) -> None:
    assert tried(WELL, verdict, LATER) == expected


TARGETS = replace(WELL, model_mappings={"opus": ("x", "y")})


@pytest.mark.parametrize(
    ("cooling", "expected"),
    [
        pytest.param({"x": LATER}, None, id="one is left"),
        pytest.param({"opus": LATER}, None, id="the name before the mapping"),
        pytest.param(
            {"x": MUCH_LATER, "y": LATER}, out("cooling down for y", LATER, True), id="the first to come back counts"
        ),
    ],
)
def test_account_is_out_for_a_model_only_when_all_its_targets_are(
    cooling: dict[str, int], expected: Ineligible | None
) -> None:
    assert ineligible(replace(TARGETS, model_cooldowns=cooling), True, "claude-opus-4-8", NOW) == expected
