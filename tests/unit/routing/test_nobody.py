"""The answer when no account can serve."""

import pytest

from app.figures import when
from app.routing.nobody import answer_when_nobody_left
from app.values import Ineligible

NOW = 1_785_500_000_000  # 2026-07-31T12:13:20Z


def limited(name: str, in_ms: int | None) -> Ineligible:
    return Ineligible(1, name, "exhausted (5h)", None if in_ms is None else NOW + in_ms, True)


def faulty(name: str, in_ms: int | None = None) -> Ineligible:
    return Ineligible(2, name, "paused (manual)", None if in_ms is None else NOW + in_ms)


@pytest.mark.parametrize(
    ("refused", "status", "retry_after_s", "should_retry"),
    [
        pytest.param(
            [limited("a", 30_000), limited("b", 20_000)], 429, 20, True, id="all limited: the earliest return"
        ),
        pytest.param([limited("a", 30_000), faulty("b")], 503, 30, True, id="one is paused"),
        pytest.param([faulty("a", 5_000)], 503, 5, True, id="a fault that passes"),
        pytest.param([faulty("a"), faulty("b")], 503, None, False, id="nobody returns by itself"),
        pytest.param([limited("a", None)], 429, None, False, id="a limit without an end"),
        pytest.param([], 503, None, False, id="no account"),
        pytest.param([limited("a", 60_000)], 429, 60, True, id="a minute"),
        pytest.param([limited("a", 60_001)], 429, 61, False, id="more than a minute: nobody sleeps in silence"),
        pytest.param([limited("a", 86_400_000)], 429, 3600, False, id="at most an hour"),
        pytest.param([limited("a", 1)], 429, 1, True, id="at least a second"),
        pytest.param([limited("a", -5_000)], 429, 1, True, id="returned meanwhile"),
    ],
)
def test_status_and_time(refused: list[Ineligible], status: int, retry_after_s: int | None, should_retry: bool) -> None:
    answer = answer_when_nobody_left(refused, NOW)
    assert (answer.status, answer.retry_after_s, answer.should_retry) == (status, retry_after_s, should_retry)
    assert answer.kind == {429: "rate_limit_error", 503: "api_error"}[status]


def test_message_names_each_account_with_its_reason_and_time() -> None:
    refused = [faulty("spare"), limited("work", 7_800_000), limited("home", 45_000)]
    assert answer_when_nobody_left(refused, NOW).message == (
        "No account can serve this request now."
        " home: exhausted (5h), back in 45 s (2026-07-31 12:14:05 UTC)."
        " work: exhausted (5h), back in 2 h 10 min (2026-07-31 14:23:20 UTC)."
        " spare: paused (manual)."
    )


def test_time_is_told_as_everywhere_else() -> None:
    message = answer_when_nobody_left([limited("a", 4_079_000)], NOW).message
    assert f"back {when(NOW + 4_079_000, NOW)} (" in message
    assert "back in 1 h 7 min (" in message


def test_empty_pool_says_how_to_fill_it() -> None:
    assert "flask ccflare add-account" in answer_when_nobody_left([], NOW).message
