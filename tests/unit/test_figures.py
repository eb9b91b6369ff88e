import pytest

from app import figures

NOW = 1_795_341_600_000


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "$0"),
        (49, "< $0.0001"),
        (34_500, "$0.0345"),
        (999_990_000, "$999.99"),
        (1_234_567_890, "$1,235"),
        (87_506_240_000, "$87,506"),
        (999_999_600_000, "$1.00M"),
    ],
)
def test_amounts(micro: int | None, text: str) -> None:
    assert figures.usd(micro) == text


def test_exact_amount_has_all_its_digits() -> None:
    assert figures.exact_usd(1_234_000_056) == "$1,234.000056"
    assert figures.exact_usd(-5) == "-$0.000005"


@pytest.mark.parametrize(
    ("micro", "text"), [(0, "0.000000"), (1, "0.000001"), (-1_500_000, "-1.500000"), (12_345_678_901, "12345.678901")]
)
def test_decimal_amount_is_exact(micro: int, text: str) -> None:
    assert figures.decimal_usd(micro) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0"),
        (999, "999"),
        (0.25, "0.2"),
        (1000, "1.00k"),
        (12_345, "12.3k"),
        (999_400, "999k"),
        (999_900, "1.00M"),
        (4_560_000, "4.56M"),
        (2_000_000_000, "2.00B"),
        (3e13, "30.0T"),
    ],
)
def test_short_counts(value: float | None, text: str) -> None:
    assert figures.short(value) == text


def test_exact_counts() -> None:
    assert figures.exact(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0%"),
        (0.004, "< 1%"),
        (0.634, "63%"),
        (0.994, "99%"),
        (0.996, "> 99%"),
        (1, "100%"),
        (1.2, "120%"),
    ],
)
def test_shares(fraction: float | None, text: str) -> None:
    assert figures.percent(fraction) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "\N{EN DASH}"), (512, "512 B"), (1536, "1.5 KB"), (2**50, "1024.0 TB")]
)
def test_sizes(count: int | None, text: str) -> None:
    assert figures.size(count) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "\N{EN DASH}"),
        (-5, "0 s"),
        (59_999, "59 s"),
        (90_000, "1 min 30 s"),
        (660_000, "11 min"),
        (3_600_000, "1 h"),
        (5_000_000, "1 h 23 min"),
        (200_000_000, "2 d 7 h"),
        (172_800_000, "2 d"),
    ],
)
def test_spans(ms: int | None, text: str) -> None:
    assert figures.span(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, "\N{EN DASH}"), (12.4, "12 ms"), (1500, "1.5 s"), (59_900, "59.9 s"), (90_000, "1 min 30 s")],
)
def test_how_long_something_took(ms: float | None, text: str) -> None:
    assert figures.took(ms) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, "\N{EN DASH}"),
        (NOW + 500, "now"),
        (NOW + 90_000, "in 1 min 30 s"),
        (NOW - 30_000, "30 s ago"),
        (NOW - 90_000, "1 min ago"),
    ],
)
def test_times_relative_to_now(at: int | None, text: str) -> None:
    assert figures.when(at, NOW) == text


def test_times_of_day() -> None:
    assert figures.iso(NOW + 250) == "2026-11-22T10:00:00.250Z"
    assert figures.utc(NOW) == "2026-11-22 10:00:00 UTC"
