"""The health of an account: one value out of everything that is known of it."""

from dataclasses import replace

import pytest

from app.accounts.health import Health, health_of
from app.values import Candidate, Window

NOW = 1_800_000_000_000
WORK = Candidate(1, "work", "max")
SPENT_5H = Window("5h", 1.0, NOW + 3_000, "rejected", NOW, "header")
SPENT_7D = Window("7d", 1.0, NOW + 9_000, None, NOW, "poll")


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        pytest.param(WORK, Health("ok"), id="nothing is wrong"),
        pytest.param(
            replace(WORK, cooldown_until=NOW + 1, cooldown_reason="burst"),
            Health("cooling", "burst", NOW + 1),
            id="cooling",
        ),
        pytest.param(replace(WORK, cooldown_until=NOW, cooldown_reason="burst"), Health("ok"), id="cooled down"),
        pytest.param(
            replace(WORK, cooldown_until=NOW + 1, cooldown_reason="auth"),
            Health("auth_failing", "auth", NOW + 1),
            id="its credential is refused",
        ),
        pytest.param(replace(WORK, windows=(SPENT_5H,)), Health("exhausted", "5h", NOW + 3_000), id="rejected window"),
        pytest.param(
            replace(WORK, windows=(SPENT_5H, SPENT_7D)), Health("exhausted", "7d", NOW + 9_000), id="the later reset"
        ),
        pytest.param(replace(WORK, windows=(SPENT_7D,), overage_allowed=True), Health("ok"), id="overage goes on"),
        pytest.param(
            replace(WORK, windows=(replace(SPENT_5H, reset_at=NOW),)), Health("ok"), id="the window has reset"
        ),
        pytest.param(
            replace(WORK, windows=(replace(SPENT_5H, kind="7d_opus"),)), Health("ok"), id="one model's allotment"
        ),
        pytest.param(
            replace(WORK, windows=(replace(SPENT_5H, status="allowed_warning"),)), Health("ok"), id="only a warning"
        ),
        pytest.param(
            replace(WORK, windows=(SPENT_5H,), cooldown_until=NOW + 5_000, cooldown_reason="burst"),
            Health("cooling", "burst", NOW + 5_000),
            id="what lasts longest counts",
        ),
        pytest.param(
            replace(WORK, windows=(SPENT_5H,), cooldown_until=NOW + 3_000, cooldown_reason="quota"),
            Health("exhausted", "5h", NOW + 3_000),
            id="a quota is told by its window",
        ),
        pytest.param(
            replace(WORK, paused=True, pause_reason="rest", paused_by="ann", windows=(SPENT_5H,)),
            Health("paused", "rest", by="ann"),
            id="paused by whom and why",
        ),
        pytest.param(
            replace(WORK, paused=True, needs_reauth=True), Health("needs_reauth", "the log-in has ended"), id="log-in"
        ),
    ],
)
def test_health_names_state_reason_time_and_person(candidate: Candidate, expected: Health) -> None:
    assert health_of(candidate, NOW) == expected


def test_a_credential_that_cannot_be_used_is_a_failing_log_in() -> None:
    assert health_of(WORK, NOW, "it does not open") == Health("auth_failing", "it does not open")


def test_a_pause_is_shown_before_a_credential_fault() -> None:
    assert health_of(replace(WORK, paused=True), NOW, "it does not open").state == "paused"
