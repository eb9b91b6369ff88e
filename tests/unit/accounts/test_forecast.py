import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.forecast import HOUR_MS, MINUTE_MS, Forecast, Sample, forecast, pool_forecast
from app.values import Window

NOW = 1_790_000_000_000
RESET = NOW + 3 * HOUR_MS


def window(kind: str = "5h", reset_at: int | None = RESET) -> Window:
    return Window(kind, 0.5, reset_at, "allowed", NOW, "header")


def rising(per_hour: float, last: float, *, every_ms: int = 5 * MINUTE_MS, count: int = 12) -> list[Sample]:
    """Samples on a line that end at `last` now."""
    return [
        Sample(NOW - back * every_ms, last - per_hour * back * every_ms / HOUR_MS, RESET)
        for back in range(count - 1, -1, -1)
    ]


def test_steady_use_that_outruns_the_reset_is_told_with_its_time() -> None:
    told = forecast(window(), rising(0.2, 0.7), NOW)
    assert (told.outlook, told.confidence, told.reason) == ("runs_out", "high", None)
    assert told.burn_per_hour == pytest.approx(0.2)
    assert told.empty_at == pytest.approx(NOW + 1.5 * HOUR_MS, abs=1000)
    assert told.utilization == pytest.approx(0.7)


def test_use_that_the_reset_comes_before_lasts() -> None:
    told = forecast(window(), rising(0.05, 0.3), NOW)
    assert (told.outlook, told.empty_at) == ("lasts", None)
    assert told.burn_per_hour == pytest.approx(0.05)


def test_window_that_does_not_fill_is_idle_and_not_unknown() -> None:
    told = forecast(window(), rising(0.0, 0.4), NOW)
    assert (told.outlook, told.burn_per_hour, told.empty_at) == ("idle", 0.0, None)


def test_full_window_needs_no_rate() -> None:
    told = forecast(window(), [Sample(NOW - 1000, 1.01, RESET)], NOW)
    assert (told.outlook, told.confidence, told.empty_at) == ("full", "high", NOW - 1000)


@pytest.mark.parametrize(
    ("samples", "reset_at", "reason"),
    [
        pytest.param([], RESET, "no samples since the last reset", id="none"),
        pytest.param(rising(0.2, 0.7, count=2), RESET, "too few samples since the last reset", id="few"),
        pytest.param(
            rising(0.2, 0.7, every_ms=10_000, count=12), RESET, "the samples span too short a time", id="short"
        ),
        pytest.param(
            [Sample(s.at - HOUR_MS, s.utilization, RESET) for s in rising(0.2, 0.7)],
            RESET,
            "the newest sample is too old",
            id="old",
        ),
        pytest.param(rising(0.2, 0.7), NOW - 1, "the window has reset and was not used since", id="reset"),
        pytest.param(rising(0.2, 0.7), RESET + 5 * HOUR_MS, "no samples since the last reset", id="earlier window"),
    ],
)
def test_what_cannot_be_known_is_unknown_with_its_reason(samples: list[Sample], reset_at: int, reason: str) -> None:
    told = forecast(window(reset_at=reset_at), samples, NOW)
    assert (told.outlook, told.confidence, told.reason) == ("unknown", "none", reason)
    assert told.burn_per_hour is None
    assert told.empty_at is None


def test_samples_before_a_drop_do_not_count() -> None:
    before = [Sample(NOW - HOUR_MS - back * MINUTE_MS, 0.95, None) for back in range(10)]
    after = [Sample(s.at, s.utilization, None) for s in rising(0.3, 0.2, every_ms=3 * MINUTE_MS)]
    told = forecast(window(reset_at=None), [*before, *after], NOW)
    assert told.burn_per_hour == pytest.approx(0.3)


def test_resets_that_two_sources_round_differently_are_one_window() -> None:
    wobbling = [
        Sample(s.at, s.utilization, RESET + (700 if index % 2 else 0)) for index, s in enumerate(rising(0.2, 0.7))
    ]
    assert forecast(window(), wobbling, NOW).burn_per_hour == pytest.approx(0.2)


def test_one_stray_sample_hardly_moves_the_rate() -> None:
    samples = rising(0.2, 0.7)
    stray = Sample(samples[5].at + 1, samples[5].utilization + 0.009, RESET)
    assert forecast(window(), [*samples, stray], NOW).burn_per_hour == pytest.approx(0.2, rel=0.1)


def test_few_samples_give_a_rate_of_low_confidence() -> None:
    assert forecast(window(), rising(0.2, 0.7, count=3), NOW).confidence == "low"


def test_week_needs_a_longer_span_than_five_hours() -> None:
    week = window("7d", RESET)
    assert forecast(week, rising(0.2, 0.7, count=6), NOW).reason == "the samples span too short a time"
    assert forecast(week, rising(0.02, 0.7, every_ms=30 * MINUTE_MS), NOW).outlook == "lasts"


utilizations = st.floats(0, 1.2, allow_nan=False)
samples_of_any_kind = st.lists(
    st.builds(
        Sample,
        at=st.integers(NOW - 40 * HOUR_MS, NOW + HOUR_MS),
        utilization=utilizations,
        reset_at=st.sampled_from([RESET, RESET + 400, None, RESET - 5 * HOUR_MS]),
    ),
    max_size=80,
)


@given(samples_of_any_kind, st.sampled_from(["5h", "7d", "7d_opus", "time_limit"]), st.sampled_from([RESET, None, NOW]))
def test_no_samples_make_a_forecast_that_contradicts_itself(
    samples: list[Sample], kind: str, reset_at: int | None
) -> None:
    told = forecast(window(kind, reset_at), samples, NOW)
    assert (told.empty_at is not None) == (told.outlook in ("runs_out", "full"))
    assert (told.reason is not None) == (told.outlook == "unknown")
    assert (told.confidence == "none") == (told.outlook == "unknown")
    if told.outlook == "runs_out":
        assert told.empty_at is not None
        assert told.empty_at >= NOW
        assert reset_at is None or told.empty_at < reset_at
    assert told.burn_per_hour is None or told.burn_per_hour >= 0


@given(samples_of_any_kind, st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(samples: list[Sample], chance: random.Random) -> None:
    shuffled = list(samples)
    chance.shuffle(shuffled)
    assert forecast(window(), shuffled, NOW) == forecast(window(), samples, NOW)


@given(st.floats(0.01, 2), st.floats(0.3, 0.99))
def test_line_gives_its_own_slope_back(per_hour: float, last: float) -> None:
    told = forecast(window(reset_at=RESET), [s for s in rising(per_hour, last) if s.utilization >= 0], NOW)
    if told.burn_per_hour is not None:
        assert told.burn_per_hour == pytest.approx(per_hour, rel=1e-6)


@given(st.floats(0.05, 2), st.floats(0.3, 0.9), st.floats(0.001, 0.09))
def test_fuller_window_is_never_empty_later(per_hour: float, last: float, more: float) -> None:
    far = window(reset_at=None)
    emptied = []
    for level in (last, last + more):
        line = [Sample(s.at, s.utilization, None) for s in rising(per_hour, level)]
        emptied.append(forecast(far, line, NOW).empty_at)
    assert emptied[0] is not None
    assert emptied[1] is not None
    assert emptied[1] <= emptied[0]


def account(used: float, burn: float | None, reset_in_h: float = 3, outlook: str = "lasts") -> Forecast:
    return Forecast(
        "unknown" if burn is None else outlook,  # type: ignore[arg-type]
        "none" if burn is None else "high",
        burn_per_hour=burn,
        utilization=used,
        reset_at=NOW + int(reset_in_h * HOUR_MS),
    )


def test_pool_burns_what_its_accounts_burn() -> None:
    told = pool_forecast({"a": account(0.5, 0.5), "b": account(0.5, 0.0)}, NOW)
    assert (told.outlook, told.burn_per_hour) == ("runs_out", 0.5)
    assert told.empty_at == NOW + 2 * HOUR_MS
    assert told.utilization == 0.5


def test_reset_in_time_saves_the_pool() -> None:
    told = pool_forecast({"a": account(0.9, 0.3, 0.3), "b": account(0.1, 0.0, 4)}, NOW)
    assert (told.outlook, told.empty_at) == ("lasts", None)


def test_pool_names_the_accounts_it_knows_nothing_of() -> None:
    told = pool_forecast({"a": account(0.5, 0.5), "new": Forecast("unknown", "none", "no samples")}, NOW)
    assert (told.confidence, told.reason) == ("low", "unknown: new")


def test_pool_of_full_accounts_is_full_only_when_all_are_known() -> None:
    full = Forecast("full", "high", utilization=1.0, reset_at=RESET, empty_at=NOW)
    assert pool_forecast({"a": full, "b": full}, NOW).outlook == "full"
    assert pool_forecast({"a": full, "b": Forecast("unknown", "none", "no samples")}, NOW).outlook == "unknown"


def test_pool_without_any_rate_is_unknown() -> None:
    assert pool_forecast({"a": account(0.2, None)}, NOW).reason == "no account has a known burn rate"
    assert pool_forecast({}, NOW).reason == "nothing is known of any account"


accounts = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(account, utilizations, st.none() | st.floats(0, 3), st.floats(-1, 6)),
    max_size=6,
)


@given(accounts)
def test_pool_forecast_never_contradicts_itself(forecasts: dict[str, Forecast]) -> None:
    told = pool_forecast(forecasts, NOW)
    assert (told.empty_at is not None) == (told.outlook in ("runs_out", "full"))
    assert told.empty_at is None or told.empty_at >= NOW
    if told.outlook == "unknown":
        assert told.reason
        assert told.confidence == "none"


@given(accounts, st.floats(0.01, 0.5))
def test_faster_burn_never_empties_the_pool_later(forecasts: dict[str, Forecast], more: float) -> None:
    slow = pool_forecast(forecasts | {"z": account(0.5, 0.3)}, NOW)
    fast = pool_forecast(forecasts | {"z": account(0.5, 0.3 + more)}, NOW)
    if slow.empty_at is not None:
        assert fast.empty_at is not None
        assert fast.empty_at <= slow.empty_at
