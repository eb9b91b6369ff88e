"""One's own page: the password, and the browsers that are logged in."""

from flask import url_for
from flask.typing import ResponseReturnValue

from app.access import sessions
from app.access.logins import check_own_password
from app.access.passwords import check_password_rules
from app.access.users import set_password
from app.dashboard import forms, show
from app.dashboard.blueprints import dashboard
from app.errors import CcflareError, NotFound
from app.gate.visitors import actor, logged_in, open_session, own_cookie, visitor

# A browser names those that it descends from as well, so the youngest comes first.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dashboard.get("/profile")
def profile() -> ResponseReturnValue:
    """Show the visitor's own page."""
    return _shown()


@dashboard.post("/profile/password")
def own_password() -> ResponseReturnValue:
    """Change the visitor's password; all other sessions end."""
    who, new = visitor(), forms.secret("password")
    try:
        forms.read(
            former=lambda: check_own_password(who.name, forms.secret("former"), actor().address),
            password=lambda: check_password_rules(new, who.name),
            again=lambda: forms.same("again", "password"),
        )
        user = set_password(who.name, new, actor())
    except CcflareError as exc:
        return _shown(exc)
    open_session(user.id)
    return show.done(url_for("dashboard.profile"), "The password is changed; every other browser is logged out.")


@dashboard.post("/profile/sessions/<digest>/end")
def end_session(digest: str) -> ResponseReturnValue:
    """Log one of the visitor's browsers out."""
    if not sessions.revoke_digest(_user_id(), _digest(digest), actor()):
        raise NotFound("That session has ended already.")
    return show.done(url_for("dashboard.profile"), "That browser is logged out.")


@dashboard.post("/profile/sessions/end-others")
def end_other_sessions() -> ResponseReturnValue:
    """Log all of the visitor's browsers out but this one."""
    count = sessions.revoke_all(_user_id(), actor(), keep=own_cookie())
    return show.done(url_for("dashboard.profile"), f"{count} other {'session' if count == 1 else 'sessions'} ended.")


def _shown(error: CcflareError | None = None) -> ResponseReturnValue:
    own = logged_in()
    return show.form("pages/profile.html", error, sessions=sessions.of_user(_user_id()), own=own, browser=browser)


def browser(agent: str | None) -> str:
    """Return in a few words what a User-Agent says; what it does not say is not guessed."""
    if not agent:
        return "unknown browser"
    name = next((words for sign, words in _BROWSERS if sign in agent), None)
    system = next((words for sign, words in _SYSTEMS if sign in agent), None)
    if name is None:
        return agent[:60]
    return f"{name} on {system}" if system else name


def _user_id() -> int:
    user_id = visitor().user_id
    assert user_id is not None  # these pages take no keys
    return user_id


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise NotFound("There is no such session.") from None
