"""The guard: decides by endpoint whether the caller may pass. It lets a known visitor in or raises; no third state."""

from urllib.parse import urlsplit

from flask import Flask, current_app, request
from flask_wtf.csrf import CSRFProtect

from app.access.keys import presented
from app.db import offload_in_context
from app.errors import NotAllowed, NotAuthenticated
from app.gate import rules
from app.gate.visitors import Visitor, admit, logged_in, of_key, of_session
from app.loopback import host_name, is_loopback_host
from app.runtime import runtime
from config import Settings

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOSTLESS = frozenset({"health.live", "health.ready"})
"""Asked by load balancers and container platforms under any name."""

csrf = CSRFProtect()


def install(app: Flask) -> None:
    """Have every request looked at that is not the proxy's."""
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False)
    csrf.init_app(app)
    app.before_request(check)


def check() -> None:
    """Let the present request pass, or raise NotAuthenticated, NotAllowed or a CSRFError."""
    endpoint = request.endpoint
    if endpoint is None:
        _recognise()
        return
    if endpoint not in _HOSTLESS:
        _check_host(runtime().settings)
    least = rules.least(endpoint)
    if least == "nobody":
        raise NotAllowed("Nobody may call this.")
    if least == "anyone":
        _check_site(is_page=True)
        _check_token()
        return
    visitor = _visitor(endpoint)
    if least == "admin" and not visitor.is_admin:
        raise NotAllowed(f"{visitor.name} may look, but this needs an admin.")
    admit(visitor)


def _recognise() -> None:
    """Know who asks for what is not there, so that the page that says so has the visitor's frame."""
    if rules.is_page(request.path) and (view := offload_in_context(logged_in)) is not None:
        admit(of_session(view))


def _visitor(endpoint: str) -> Visitor:
    is_for_programs = rules.blueprint_of(endpoint) in rules.FOR_PROGRAMS
    if is_for_programs and (key := presented(request.environ)) is not None:
        principal = runtime().keys.verify(key)
        if principal.role != "admin":
            raise NotAllowed(f"The key {principal.name} is for /v1 alone; this needs an admin key.")
        return of_key(principal)
    if is_for_programs and ("Authorization" in request.headers or "X-Api-Key" in request.headers):
        raise NotAuthenticated("The credential that came along is no key of this proxy.")
    _check_site(is_page=not is_for_programs)
    view = offload_in_context(logged_in)
    if view is None:
        raise NotAuthenticated(
            "Log in, or send an admin key in `x-api-key` or as `Authorization: Bearer`."
            if is_for_programs
            else "Log in first."
        )
    _check_token()
    return of_session(view)


def _check_host(settings: Settings) -> None:
    """Refuse names that another site may have pointed at this machine (DNS rebinding)."""
    host = request.host
    if is_loopback_host(host):
        return
    name = host_name(host)
    if settings.trusted_hosts:
        if any(_is_named(name, trusted) for trusted in settings.trusted_hosts):
            return
    elif not settings.is_loopback:
        return
    raise NotAllowed(
        f"This server does not answer to the name {name}. If it is reached by that name on purpose, "
        f"set TRUSTED_HOSTS={name} and start it again."
    )


def _is_named(name: str, trusted: str) -> bool:
    if trusted.startswith("."):
        return name == trusted[1:] or name.endswith(trusted)
    return name == trusted.strip("[]")


def _check_site(*, is_page: bool) -> None:
    """Refuse what another site has a browser send; to follow its link to a page is fine."""
    site = request.headers.get("Sec-Fetch-Site", "none").lower()
    is_visit = is_page and not _is_change() and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    origin = request.headers.get("Origin") if _is_change() else None
    is_ours = origin is None or urlsplit(origin).netloc.lower() == request.host.lower()
    if (site not in ("none", "same-origin") and not is_visit) or not is_ours:
        raise NotAllowed("A page of another site may not use this one.")


def _check_token() -> None:
    """Refuse a change without the token that our own pages hold."""
    if _is_change() and current_app.config["WTF_CSRF_ENABLED"]:
        csrf.protect()


def _is_change() -> bool:
    return request.method not in _SAFE_METHODS
