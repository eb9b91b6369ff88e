"""What clients call beside `/v1`: answered here, at once, without a key and without an upstream."""

from flask import Response

from app.proxy.views import proxy


@proxy.route("/api/hello", methods=["GET", "HEAD"])
def hello() -> Response:
    """Answer the reachability check of newer clients."""
    return Response('{"message":"hello"}', mimetype="application/json")


@proxy.route("/api/event_logging/<path:rest>", methods=["POST"])
def event_logging(rest: str) -> Response:
    """Take a client's telemetry and keep none of it."""
    return Response('{"success":true}', mimetype="application/json")


@proxy.route("/", methods=["HEAD"], provide_automatic_options=False)
def preconnect() -> Response:
    """Answer the connection that a client opens ahead of its first request."""
    return Response(status=200)
