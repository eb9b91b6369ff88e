"""Settings: the value in force, where it comes from, and what can be changed while the server runs."""

from flask import url_for
from flask.typing import ResponseReturnValue

from app import figures, preferences
from app.clock import now_ms
from app.dashboard import forms, show
from app.dashboard.blueprints import dashboard
from app.errors import CcflareError
from app.gate.visitors import actor
from app.routing import STRATEGIES
from app.runtime import runtime
from app.usage.stats import unpriced_models
from config import SettingRow

_MONTH_MS = 30 * 86_400_000


@dashboard.get("/settings")
def settings() -> ResponseReturnValue:
    """Show every setting."""
    rows = preferences.present(runtime().settings).rows()
    return show.page(
        "pages/settings.html",
        at_once=[row for row in rows if row.runtime],
        at_start=[row for row in rows if not row.runtime],
        in_words=in_words,
        warnings=runtime().settings.warnings,
        unpriced=unpriced_models(now_ms() - _MONTH_MS),
    )


@dashboard.route("/settings/<name>", methods=["GET", "POST"])
def change_setting(name: str) -> ResponseReturnValue:
    """Change one setting."""
    row = preferences.row_of(runtime().settings, name)
    if not forms.is_sent():
        return show.form("pages/setting.html", row=row, value=row.value, options=options(row))
    try:
        preferences.change(runtime().settings, row.name, forms.text("value"), actor())
    except CcflareError as exc:
        return show.form("pages/setting.html", exc, row=row, value=forms.text("value"), options=options(row))
    return show.done(url_for("dashboard.settings"), f"{row.env} is changed.")


@dashboard.post("/settings/<name>/reset")
def reset_setting(name: str) -> ResponseReturnValue:
    """Give one setting its default back."""
    row = preferences.reset(runtime().settings, name, actor())
    return show.done(url_for("dashboard.settings"), f"{row.env} has its default again.")


def options(row: SettingRow) -> tuple[tuple[str, str], ...]:
    """Return what a setting can be and what that means, where that is a list."""
    if row.expects.startswith("one of "):
        names = row.expects.removeprefix("one of ").split(", ")
        return tuple((name, STRATEGIES[name].label if row.name == "lb_strategy" else "") for name in names)
    return (("true", "on"), ("false", "off")) if row.expects == "true or false" else ()


def in_words(name: str, value: str) -> str:
    """Return a value as people say it: a number with its unit, which the name of its setting ends with."""
    if not value.isdigit():
        return value
    number = int(value)
    match name.rpartition("_")[2]:
        case "ms":
            return f"{number} ms" if number < 1000 else figures.span(number)
        case "s":
            return figures.span(number * 1000)
        case "bytes":
            return figures.size(number)
        case "days":
            return f"{number} day{'s' if number != 1 else ''}"
    return value
