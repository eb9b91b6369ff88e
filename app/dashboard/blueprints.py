"""The two blueprints that the dashboard's modules hang their views on, and what every template can use."""

from flask import Blueprint, Flask, request
from flask.blueprints import BlueprintSetupState
from htmx_flask import Htmx

from app import figures
from app.clock import now_ms
from app.dashboard.navigation import navigation, pool_pulse
from app.errors import InvalidInput
from app.usage.advice import CUT_SHORT, REASONS
from app.usage.cache_losses import CAUSES
from app.version import VERSION

THEMES = ("light", "dark")
THEME_COOKIE = "ccflare_theme"

dashboard = Blueprint("dashboard", __name__, url_prefix="/dashboard")
"""Pages of people who logged in. Endpoints need an admin unless `app.gate.rules` opens them to viewers."""

entrance = Blueprint("entrance", __name__)
"""The way in: open to anyone."""


def _equip(state: BlueprintSetupState) -> None:
    app: Flask = state.app  # type: ignore[assignment]  # a Flask always, though typed as its base
    Htmx(app)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["icon"] = app.jinja_env.get_template("components/icons.html").module.icon  # type: ignore[attr-defined]
    app.jinja_env.globals.update(
        figures=figures, navigation=navigation, now_ms=now_ms, pool_pulse=pool_pulse, theme=theme, version=VERSION,
        reason_words=REASONS, cause_words=CAUSES, cut_words=CUT_SHORT,
    )  # fmt: skip


dashboard.record_once(_equip)


@dashboard.before_request
@entrance.before_request
def refuse_nul() -> None:
    """Refuse a NUL in an address or a form: no database holds one. Raises InvalidInput."""
    for given in (request.args, request.form):
        for name, value in given.items(multi=True):
            if "\0" in value:
                raise InvalidInput.field(name[:50], "holds a character that no text has")


def theme() -> str | None:
    """Return the theme that the browser chose, None when it follows the system."""
    chosen = request.cookies.get(THEME_COOKIE)
    return chosen if chosen in THEMES else None
