"""The Flask application: the proxy's requests skip what only pages need, all others leave the event loop."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.wrappers import Request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import Rule

from app.db import offload_in_context
from app.errors import CcflareError, TooSlow
from app.flights import Flights

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

HOT_BLUEPRINT = "proxy."
"""Endpoints of this blueprint run without hooks, sessions and log-in."""

COOPERATIVE = "_cooperative"
"""Attribute of a view that runs on the event loop."""

View = TypeVar("View", bound=Callable[..., Any])

_BODY_WITHIN_S = 60.0
"""How long the body of a request for a page or to the API may take to arrive."""


def cooperative(view: View) -> View:
    """Have a view run on the event loop: it streams, or needs no thread; it offloads its database work itself."""
    setattr(view, COOPERATIVE, True)
    return view


class PageSessions(SecureCookieSessionInterface):
    """Cookie sessions for pages; the proxy's requests never look at a cookie.

    Over TLS the cookie is bound to this very host (`__Host-`) and never sent in the clear.
    """

    def get_cookie_name(self, app: Flask) -> str:
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if request.is_secure else name

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:  # type: ignore[override]
        if request.path.startswith("/v1/"):
            return self.session_class()
        return super().open_session(app, request)


class LateRule(Rule):
    """A route that learns to build its addresses when the first one is asked for.

    Werkzeug compiles two functions for every route beforehand: half of a start, and a command builds no address at all.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled: Callable[..., tuple[str, str]] | None = None

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            nonlocal compiled
            if compiled is None:
                compiled = super(LateRule, self)._compile_builder(append_unknown)
            return compiled(rule, **values)

        return build


class Ccflare(Flask):
    """Flask with two lanes: the proxy on the event loop, pages and API on native threads."""

    session_interface = PageSessions()
    url_rule_class = LateRule

    hot_view: "Callable[[dict[str, Any]], WSGIApplication] | None" = None
    """The proxy's view. Its blueprint holds the route; a request of the usual form reaches it without matching."""

    flights: Flights
    """Where a body that arrives slowly is known, so that a drain does not wait for it longer than for a request."""

    def wsgi_app(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request. Routing, request context and signals are a tenth of a proxied request: it skips them."""
        if self.hot_view is not None and environ["PATH_INFO"].startswith("/v1/"):
            with self.app_context():
                return self.hot_view(environ)(environ, start_response)
        return super().wsgi_app(environ, start_response)

    def full_dispatch_request(self) -> Response:
        """Dispatch the proxy's endpoints directly; run others, hooks included, off the event loop.

        A page's query may wait for the database's lock; on the event loop every stream would wait with it.
        """
        rule = request.url_rule
        if rule is not None and rule.endpoint.startswith(HOT_BLUEPRINT):
            return self.dispatch_request()  # type: ignore[return-value]
        try:
            _read_body(request, self.flights)
        except (HTTPException, CcflareError) as exc:
            fault = exc
            return offload_in_context(lambda: self.finalize_request(self.handle_user_exception(fault)))
        if rule is not None and getattr(self.view_functions[rule.endpoint], COOPERATIVE, False):
            return super().full_dispatch_request()
        return offload_in_context(super().full_dispatch_request)


def _read_body(wanted: Request, flights: Flights) -> None:
    """Read a page's or the API's whole body here: no other thread may wait for a socket of the event loop.

    Raises RequestEntityTooLarge, TooSlow, or ClientDisconnected.
    """
    if not wanted.content_length and "HTTP_TRANSFER_ENCODING" not in wanted.environ:
        return
    limit = wanted.max_content_length
    flight = flights.begin(wanted.environ)
    flight.expect(_BODY_WITHIN_S, lambda: TooSlow("The request body did not arrive in time."))
    try:
        size = len(wanted.get_data(cache=True))
    finally:
        flights.end(flight)
    if limit is not None and size >= limit and wanted.content_length != size:
        # Werkzeug cuts a body without a declared length at the limit and says nothing.
        raise RequestEntityTooLarge
