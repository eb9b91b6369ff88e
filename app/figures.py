"""Figures for people: amounts, counts, shares, sizes, durations and times in few characters."""

from datetime import UTC, datetime

NOTHING = "\N{EN DASH}"
"""Stands for a value that is not known."""

_MICRO = 1_000_000


def iso(at: int) -> str:
    """Return epoch milliseconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(at: int) -> str:
    """Return epoch milliseconds as a date and time in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def usd(micro_usd: int | None) -> str:
    """Return an amount: cents, more digits where it is less than a dollar, none where it is thousands of them."""
    if micro_usd is None:
        return NOTHING
    if micro_usd == 0:
        return "$0"
    if abs(micro_usd) < 50:
        return "< $0.0001"
    if abs(micro_usd) >= 999_999.5 * _MICRO:
        return f"${short(micro_usd / _MICRO)}"
    digits = 4 if abs(micro_usd) < _MICRO else (2 if abs(micro_usd) < 999.995 * _MICRO else 0)
    return f"${micro_usd / _MICRO:,.{digits}f}"


def exact_usd(micro_usd: int) -> str:
    """Return an amount with all its digits."""
    sign = "-" if micro_usd < 0 else ""
    whole, rest = divmod(abs(micro_usd), _MICRO)
    return f"{sign}${whole:,}.{rest:06d}"


def decimal_usd(micro_usd: int) -> str:
    """Return an amount as exact decimal text for programs."""
    sign = "-" if micro_usd < 0 else ""
    whole, rest = divmod(abs(micro_usd), _MICRO)
    return f"{sign}{whole}.{rest:06d}"


def short(value: float | None) -> str:
    """Return a count in at most five characters, of three digits where it is rounded: 950, 12.3k, 4.50M."""
    if value is None:
        return NOTHING
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            shown = abs(value) / size
            digits = 2 if shown < 9.995 else 1 if shown < 99.95 else 0
            return f"{value / size:.{digits}f}{letter}"
    return f"{value:,.0f}" if value == int(value) else f"{value:.1f}"


def exact(value: float) -> str:
    """Return a count with all its digits."""
    return f"{value:,}"


def percent(fraction: float | None) -> str:
    """Return a fraction as a percentage; nothing but zero is shown as 0, nothing less than all as 100."""
    if fraction is None:
        return NOTHING
    if 0 < fraction < 0.01:
        return "< 1%"
    if 0.995 <= fraction < 1:
        return "> 99%"
    return f"{fraction * 100:.0f}%"


def size(count: int | None) -> str:
    """Return a number of bytes."""
    if count is None:
        return NOTHING
    amount, units = float(count), ("B", "KB", "MB", "GB", "TB")
    for unit in units:
        if amount < 1024 or unit == units[-1]:
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def span(milliseconds: int | None) -> str:
    """Return a duration: its two largest units."""
    if milliseconds is None:
        return NOTHING
    seconds = max(0, milliseconds) // 1000
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if minutes < 60:
        return f"{minutes} min {seconds % 60} s" if seconds % 60 and minutes < 10 else f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes_left} min" if minutes_left else f"{hours} h"
    return f"{days} d {hours_left} h" if hours_left else f"{days} d"


def took(milliseconds: float | None) -> str:
    """Return how long something took: milliseconds below a second, tenths below a minute."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s" if milliseconds < 60_000 else span(int(milliseconds))


def when(at: int | None, now_ms: int) -> str:
    """Return a time relative to now."""
    if at is None:
        return NOTHING
    if abs(at - now_ms) < 1000:
        return "now"
    if at > now_ms:
        return f"in {span(at - now_ms)}"
    passed = now_ms - at
    return f"{span(passed if passed < 60_000 else passed // 60_000 * 60_000)} ago"
