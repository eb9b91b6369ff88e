"""How a refusal or failure looks: JSON for programs, a page for people, a notice for a page that is open."""

import logging
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import HTTPException

from app.errors import CcflareError, InvalidInput, NotAuthenticated, Unavailable
from app.gate.rules import is_page
from app.gate.shields import request_name
from app.redaction import redact

log = logging.getLogger(__name__)

_HEADLINES = {
    400: "That was not understood",
    403: "Not allowed",
    404: "Nothing is here",
    405: "That cannot be done here",
    409: "That collides with what is there",
    413: "That is too large",
    429: "Too many, too fast",
    502: "The upstream failed",
    503: "Not available right now",
}
_OWN_FAULT = "Something in ccflare itself failed. The log says what; the request can be tried again."
_NO_DATABASE = "The database cannot be used right now. The log says why; the request can be tried again."
_STALE_FORM = "The form is too old or was not ours. Load the page again and send it once more."


def install(app: Flask) -> None:
    """Answer every error that a view or the guard raises."""
    app.register_error_handler(CcflareError, refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _failed)
    for away in (OperationalError, InterfaceError, NoConnection):
        app.register_error_handler(away, _away)


def is_for_programs(path: str) -> bool:
    """Whether errors at this path are JSON."""
    return path in ("/api", "/metrics") or path.startswith(("/api/", "/health"))


def refused(error: CcflareError) -> ResponseReturnValue:
    """Return what the caller sees of an error."""
    if is_for_programs(request.path):
        answer = jsonify(error=error.message, details=error.details)
    elif request.path.startswith("/v1/"):
        answer = jsonify(type="error", error={"type": error.kind, "message": error.message})
    elif isinstance(error, NotAuthenticated):
        return _to_the_door()
    else:
        answer = _shown(error)
    answer.status_code = error.status
    if error.retry_after_s is not None:
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


def _shown(error: CcflareError) -> Response:
    headline = _HEADLINES.get(error.status, "Something failed")
    is_partial = "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers
    template = "errors/notice.html" if is_partial else "errors/page.html"
    answer = make_response(render_template(template, headline=headline, message=error.message, status=error.status))
    if is_partial:
        # htmx-flask does not know these values.
        answer.headers["HX-Retarget"] = "#notices"
        answer.headers["HX-Reswap"] = "innerHTML"
    return answer


def _to_the_door() -> ResponseReturnValue:
    """Send a person to the log-in, and back afterwards if it was a page that was asked for."""
    if "HX-Request" in request.headers:
        here = urlsplit(request.headers.get("HX-Current-URL", ""))
        following = here._replace(scheme="", netloc="", fragment="").geturl() if is_page(here.path) else None
        door = url_for("entrance.log_in", next=following, ended=1)
        return Response(status=401, headers={"HX-Redirect": door})
    following = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("entrance.log_in", next=following))


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error
    if error.code == 405 and (page := _page_above()) is not None:
        return redirect(page)
    if isinstance(error, CSRFError):
        return refused(InvalidInput(_STALE_FORM))
    wrapped = CcflareError(_words(error))
    wrapped.status = error.code
    answer = make_response(refused(wrapped))
    if allowed := getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _page_above() -> str | None:
    """Return the page whose form is sent to this address, for a browser that asks for the address itself."""
    path, adapter = request.path, current_app.create_url_adapter(request)
    if request.method != "GET" or adapter is None:
        return None
    while is_page(path := path.rpartition("/")[0]):
        if adapter.test(path, "GET"):
            return path
    return None


def _words(error: HTTPException) -> str:
    match error.code:
        case 404:
            return f"There is nothing at {request.path[:200]}."
        case 405:
            return f"{request.method} is not possible at {request.path[:200]}."
        case 413:
            return f"The body is larger than the {request.max_content_length} bytes that are taken here."
        case _:
            return redact(error.description or error.name)


def _away(error: SQLAlchemyError) -> ResponseReturnValue:
    fault = str(getattr(error, "orig", None) or error).splitlines()[0]
    extra = {"request_id": request_name()}
    log.warning("%s %s needs the database: %s", request.method, request.path, fault, extra=extra)
    return refused(Unavailable(_NO_DATABASE))


def _failed(error: Exception) -> ResponseReturnValue:
    log.error("%s %s failed", request.method, request.path, exc_info=error, extra={"request_id": request_name()})
    return refused(CcflareError(_OWN_FAULT))
