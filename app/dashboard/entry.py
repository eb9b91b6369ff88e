"""The way in: log in, log out, become the first admin; and the theme, which is chosen before."""

from urllib.parse import urlsplit

from flask import make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import setup
from app.access.logins import log_in as checked_log_in
from app.access.passwords import check_password_rules
from app.access.users import NewUser, has_admin
from app.dashboard import forms, show
from app.dashboard.blueprints import THEME_COOKIE, THEMES, entrance
from app.errors import CcflareError, NotAllowed, TooMany
from app.figures import span
from app.gate.visitors import close_session, logged_in, open_session
from app.names import checked_name
from app.runtime import runtime

_YEAR_S = 365 * 86_400


@entrance.get("/")
def home() -> ResponseReturnValue:
    """Lead to the dashboard."""
    return redirect(url_for("dashboard.overview"))


@entrance.route("/login", methods=["GET", "POST"])
def log_in() -> ResponseReturnValue:
    """Let a person in."""
    following = _following(request.values.get("next", ""))
    if request.method == "GET":
        if logged_in() is not None:
            return redirect(following)
        return show.form("pages/log_in.html", following=following, has_admin=has_admin())
    name = forms.text("name")
    try:
        user = checked_log_in(name, forms.secret("password"), request.remote_addr)
    except CcflareError as exc:
        error = _in_words(exc)
        return show.form("pages/log_in.html", error, following=following, has_admin=True, name=name)
    close_session()
    open_session(user.id)
    return redirect(following, 303)


@entrance.post("/logout")
def log_out() -> ResponseReturnValue:
    """End the browser's session."""
    close_session()
    return redirect(url_for("entrance.log_in"), 303)


@entrance.route("/setup", methods=["GET", "POST"])
def set_up() -> ResponseReturnValue:
    """Let whoever holds the token of this start become the first admin."""
    vault = runtime().vault
    if not setup.is_open(vault):
        raise NotAllowed(
            "There is nothing to set up: an admin exists, or the one-time address has expired. "
            "While there is no admin, each start of the server prints a new one."
        )
    token = request.values.get("token", "")
    setup.check(vault, token)
    if request.method == "GET":
        return show.form("pages/set_up.html", token=token)
    name, password = forms.text("name"), forms.secret("password")
    try:
        forms.read(
            name=lambda: checked_name(name),
            password=lambda: check_password_rules(password, name),
            again=lambda: forms.same("again", "password"),
        )
        user = setup.claim(vault, token, NewUser(name, password, "admin"), request.remote_addr)
    except CcflareError as exc:
        return show.form("pages/set_up.html", exc, token=token, name=name)
    open_session(user.id)
    return redirect(url_for("dashboard.overview"), 303)


@entrance.post("/theme")
def theme() -> ResponseReturnValue:
    """Keep the theme that the browser chose; anything else means to follow the system."""
    chosen = forms.text("theme")
    answer = make_response(redirect(_following(forms.text("next")), 303))
    if chosen in THEMES:
        answer.set_cookie(THEME_COOKIE, chosen, max_age=_YEAR_S, samesite="Lax", secure=request.is_secure)
    else:
        answer.delete_cookie(THEME_COOKIE)
    return answer


def _following(address: str) -> str:
    """Return where to go next: a page of ours, and none that leads out."""
    parts = urlsplit(address)
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith(("/dashboard", "/login"))
    if is_ours and address.isprintable() and "\\" not in address and not address.startswith("//"):
        return address
    return url_for("dashboard.overview")


def _in_words(error: CcflareError) -> CcflareError:
    if isinstance(error, TooMany) and error.retry_after_s:
        wait = span(error.retry_after_s * 1000)
        return TooMany(f"Too many log-ins have failed. Wait {wait}, then try again.", retry_after_s=error.retry_after_s)
    return error
