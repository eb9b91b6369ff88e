"""Who is calling: a person whose browser holds a log-in, or a program with an admin key."""

from dataclasses import dataclass
from typing import Literal

from flask import Flask, Response, g, request, session
from flask_login import LoginManager, current_user, login_user, logout_user

from app.access import sessions
from app.access.keys import Principal
from app.access.sessions import SessionView
from app.audit import Actor

VisitorRole = Literal["viewer", "admin"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who makes the present request. Exactly one of `user_id` and `key_id` is known."""

    name: str
    role: VisitorRole
    user_id: int | None = None
    key_id: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether everything is allowed."""
        return self.role == "admin"


class Person:
    """A person as Flask-Login wants one: its id is the value in the cookie that opens the session in the database."""

    is_active = True
    is_authenticated = True
    is_anonymous = False

    def __init__(self, cookie: str, view: SessionView) -> None:
        self.cookie = cookie
        self.view = view

    def get_id(self) -> str:
        """Return what the cookie holds."""
        return self.cookie


class _Logins(LoginManager):  # type: ignore[misc]  # Flask-Login has no types
    """Flask-Login without its remember-me cookie, whose hook would look at the session on every answer."""

    def _update_remember_cookie(self, response: Response) -> Response:
        return response


def install(app: Flask) -> None:
    """Make log-ins work."""
    manager = _Logins()
    manager.session_protection = None
    manager.user_loader(_person)
    manager.init_app(app, add_context_processor=False)
    app.context_processor(lambda: {"visitor": g.get("visitor")})


def _person(cookie: str) -> Person | None:
    view = sessions.look_up(cookie)
    return Person(cookie, view) if view is not None else None


def logged_in() -> SessionView | None:
    """Return the session that the browser's cookie opens. Reads the database."""
    return current_user.view if current_user.is_authenticated else None


def own_cookie() -> str | None:
    """Return the value that opens the caller's own session."""
    return current_user.cookie if current_user.is_authenticated else None


def admit(visitor: Visitor) -> None:
    """Remember who makes the present request."""
    g.visitor = visitor


def visitor() -> Visitor:
    """Return who makes the present request. Only behind the guard."""
    found: Visitor = g.visitor
    return found


def actor() -> Actor:
    """Return the caller for the audit log."""
    who = visitor()
    return Actor(who.name if who.key_id is None else f"key:{who.name}", request.remote_addr)


def of_session(view: SessionView) -> Visitor:
    """Return the person behind a session."""
    return Visitor(view.user_name, "admin" if view.role == "admin" else "viewer", user_id=view.user_id)


def of_key(principal: Principal) -> Visitor:
    """Return the program behind an admin key."""
    return Visitor(principal.name, "admin", key_id=principal.key_id)


def open_session(user_id: int) -> None:
    """Log the browser in: a new session in the database, a new cookie, a new form token."""
    cookie = sessions.create(user_id, request.remote_addr, request.user_agent.string)
    view = sessions.look_up(cookie)
    assert view is not None
    session.clear()
    login_user(Person(cookie, view))


def close_session() -> None:
    """Log the browser out."""
    view = logged_in()
    cookie = own_cookie()
    if view is not None and cookie is not None:
        sessions.revoke(cookie, Actor(view.user_name, request.remote_addr))
    logout_user()
    session.clear()
