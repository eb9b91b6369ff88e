"""What clients call beside `/v1`: answered here, at once, without a key and without an upstream."""

from flask import Response

from app.clock import now_ms
from app.proxy.replies import REQUEST_ID
from app.proxy.views import proxy
from app.values import id_text, new_request_id


@proxy.route("/api/hello", methods=["GET", "HEAD"])
def hello() -> Response:
    """Answer the reachability check of newer clients."""
    return _answer('{"message":"hello"}')


@proxy.route("/api/event_logging/<path:rest>", methods=["POST"])
def event_logging(rest: str) -> Response:
    """Take a client's telemetry and keep none of it."""
    return _answer('{"success":true}')


@proxy.route("/", methods=["HEAD"], provide_automatic_options=False)
def preconnect() -> Response:
    """Answer the connection that a client opens ahead of its first request."""
    return _answer("")


def _answer(body: str) -> Response:
    made = Response(body, mimetype="application/json" if body else None)
    made.headers[REQUEST_ID] = id_text(new_request_id(now_ms()))
    return made
