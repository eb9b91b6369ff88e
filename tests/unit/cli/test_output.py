"""What commands print."""

import os
import sys
from dataclasses import dataclass

import pytest

from app.cli import output

NOW = 1_800_000_000_000
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [
        (0, "0 s"),
        (59_999, "59 s"),
        (MINUTE, "1 min"),
        (59 * MINUTE + 59 * SECOND, "59 min"),
        (HOUR, "1 h"),
        (2 * HOUR + 5 * MINUTE, "2 h 5 min"),
        (DAY, "1 d"),
        (3 * DAY + 4 * HOUR + MINUTE, "3 d 4 h"),
        (-5, "0 s"),
    ],
)
def test_span_has_its_two_largest_units(span_ms: int, text: str) -> None:
    assert output.span(span_ms) == text


def test_time_is_told_from_now() -> None:
    assert output.when(NOW + 5 * MINUTE, NOW) == "in 5 min"
    assert output.when(NOW - 5 * MINUTE, NOW) == "5 min ago"
    assert output.when(None, NOW) == "-"


@pytest.mark.parametrize(
    ("micro_usd", "text", "exact"),
    [
        (0, "$0", "0.000000"),
        (1, "< $0.0001", "0.000001"),
        (12_345, "$0.0123", "0.012345"),
        (1_500_000, "$1.50", "1.500000"),
        (1_234_567_890, "$1,234.57", "1234.567890"),
        (-12_345, "$-0.0123", "-0.012345"),
    ],
)
def test_money_is_short_for_people_and_exact_for_programs(micro_usd: int, text: str, exact: str) -> None:
    assert output.usd(micro_usd) == text
    assert output.decimal_usd(micro_usd) == exact


def test_what_is_unknown_is_never_zero() -> None:
    unknown = (output.usd(None), output.number(None), output.percent(None), output.size(None), output.when(None, NOW))
    assert unknown == ("-",) * 5


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (5 << 30, "5.0 GB"), (5 << 50, "5120.0 TB")]
)
def test_size_has_one_unit(count: int, text: str) -> None:
    assert output.size(count) == text


@dataclass(frozen=True)
class _Part:
    until: int | None
    cost_micro_usd: int | None


@dataclass(frozen=True)
class _Whole:
    seen_at: int
    parts: tuple[_Part, ...]
    by_name: dict[str, object]
    digest: bytes


def test_json_has_times_also_as_iso_text_and_money_as_decimal_text() -> None:
    value = _Whole(NOW, (_Part(None, 5), _Part(NOW, None)), {"a_at": ("x",)}, b"\x01")
    assert output.jsonable(value) == {
        "seen_at": NOW,
        "seen_at_iso": "2027-01-15T08:00:00.000Z",
        "parts": [
            {"until": None, "until_iso": None, "cost_micro_usd": 5, "cost_usd": "0.000005"},
            {"until": NOW, "until_iso": "2027-01-15T08:00:00.000Z", "cost_micro_usd": None, "cost_usd": None},
        ],
        "by_name": {"a_at": ["x"]},
        "digest": "01",
    }


def test_table_aligns_wide_and_combining_characters() -> None:
    lines = output.table(("NAME", "N"), [("日本", "1"), ("e\u0301a", "22"), ("abcdef", "3")], frozenset({1})).split(
        "\n"
    )
    assert lines == ["NAME     N", "日本     1", "e\u0301a      22", "abcdef   3"]


def test_table_shows_no_control_character() -> None:
    assert "\x1b" not in output.table(("NAME",), [("\x1b[31mred\nline",)])


def _terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((columns, 24)))


def test_table_fits_the_terminal_by_wrapping_its_widest_column(monkeypatch: pytest.MonkeyPatch) -> None:
    _terminal(monkeypatch, 30)
    table = output.table(("NAME", "WHY"), [("work", "it rests now, until the morning 日本"), ("spare", "x" * 30)])
    assert table.split("\n") == [
        "NAME   WHY",
        "work   it rests now, until the",
        "       morning 日本",
        "spare  " + "x" * 23,
        "       " + "x" * 7,
    ]


def test_table_keeps_columns_readable_on_a_tiny_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    _terminal(monkeypatch, 10)
    assert output.table(("NAME", "WHY"), [("x" * 50, "y" * 50)]).split("\n")[1] == "xxxxxxxx  yyyyyyyy"


def test_column_that_must_stay_whole_is_not_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    _terminal(monkeypatch, 20)
    table = output.table(("NAME", "WHY"), [("x" * 30, "y" * 50)], whole=frozenset({0}))
    assert table.split("\n")[1] == "x" * 30 + "  yyyyyyyy"


def test_live_table_has_one_line_a_row() -> None:
    lines = output.columns(("NAME", "WHY"), [("work", "x" * 100)], frozenset(), 30)
    assert lines[1:] == ["work  " + "x" * 23 + "…"]


def test_table_is_whole_where_no_terminal_is() -> None:
    assert "x" * 500 in output.table(("NAME",), [("x" * 500,)])
