"""What shields every answer of pages and API: headers, cookies, bounds of a request, who may stand in front."""

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from app.values import id_text, new_request_id
from config import Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_MAX_BODY_BYTES = 1 << 20


def install(app: Flask, settings: Settings) -> None:
    """Set up cookies, bounds and proxies, and the headers of every answer."""
    app.config.update(
        SESSION_COOKIE_NAME=f"ccflare_{settings.port}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=_MAX_BODY_BYTES,
    )
    if settings.behind_proxy:
        count = settings.behind_proxy
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    app.after_request(add_headers)


def request_name() -> str:
    """Return the id of the present request, under which it is in the log."""
    name: str = g.setdefault("request_name", id_text(new_request_id()))
    return name


def add_headers(response: Response) -> Response:
    """Add the headers that every answer carries; a view may have set one of them by itself."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("x-ccflare-request-id", request_name())
    response.vary.add("HX-Request")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
