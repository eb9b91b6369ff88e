"""The proxy's door: `/v1/*` goes upstream; a few calls that clients make beside it are answered at once."""

import logging
from typing import Any

from flask import Blueprint, request
from werkzeug.routing import BaseConverter

from app.clock import now_ms
from app.errors import CcflareError, NotFound, Unavailable
from app.flights import Flight, Landed
from app.providers.forwarding import named_by_connection
from app.proxy.forward import Corridor, Served
from app.proxy.inbound import authenticate, proxy_request, read_body, refused_request, require_http
from app.proxy.question import caller_shape
from app.proxy.relay import Relay
from app.proxy.replies import REQUEST_ID, Reply, error_headers, error_reply
from app.proxy.shown import headers_down
from app.proxy.translated import TranslatedRelay
from app.runtime import Runtime, runtime
from app.usage.recorder import Record
from app.values import Outcome, ProxyRequest, id_text

log = logging.getLogger(__name__)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        # Ours stands for this hop.
        REQUEST_ID,
    }
)

proxy = Blueprint("proxy", __name__)


class Rest(BaseConverter):
    """The rest of a path, whatever it is: `path` takes neither an empty one nor one that begins with a slash."""

    part_isolating = False
    regex = "(?s:.*)"


proxy.record(lambda state: state.app.url_map.converters.update(rest=Rest))


@proxy.route("/v1", methods=METHODS, provide_automatic_options=False)
@proxy.route("/v1/<rest:rest>", methods=METHODS, provide_automatic_options=False)
def forward_request(rest: str = "") -> Reply:
    """Take one request to an account and its answer back."""
    return cross(request.environ)


def cross(environ: dict[str, Any]) -> Reply:
    """Take one request, as the server hands it over, to an account and its answer back. Call inside an app context."""
    run = runtime()
    flight = run.flights.begin(environ)
    crossing = Crossing(run, environ, flight)
    try:
        if environ["PATH_INFO"].rstrip("/") == "/v1":
            raise NotFound("There is nothing at /v1 itself; clients call /v1/messages.")
        return crossing.make()
    except CcflareError as exc:
        return crossing.refuse(exc)
    except Landed:
        crossing.landed()
        raise
    except Exception:
        log.exception("request failed in the proxy itself")
        return crossing.refuse(CcflareError("The proxy failed; its log says why."))


class Crossing:
    """One request from the door to the answer's head; every way out leaves one record."""

    def __init__(self, run: Runtime, environ: dict[str, Any], flight: Flight) -> None:
        self._run = run
        self._environ = environ
        self._flight = flight
        self._key_id: str | None = None
        self._record: Record | None = None
        self._corridor: Corridor | None = None

    def make(self) -> Reply:
        """Authenticate, read, forward; return the answer with its body to come. Raises CcflareError."""
        run, environ = self._run, self._environ
        received_at = now_ms()
        principal = authenticate(run.keys, environ)
        self._key_id = principal.key_id
        run.limits.admit(principal, received_at)
        if run.flights.is_closed:
            raise Unavailable("This server is shutting down; try again.", retry_after_s=1)
        require_http(environ)
        body = read_body(environ, run.settings, self._flight)
        made = proxy_request(environ, principal, body, received_at)
        self._record = record = self._begin(made)
        self._flight.announce = lambda: run.recorder.begin(record)
        self._corridor = Corridor(run, made, self._flight, self._record)
        return self._answer(self._corridor.walk(), record)

    def refuse(self, error: CcflareError) -> Reply:
        """Answer with an error of ours and record it."""
        record = self._record or self._begin(refused_request(self._environ, self._key_id))
        reply, body = error_reply(error, record.request.id, caller_shape(record.request))
        record.status, record.error = error.status, error.message
        record.answer_headers = error_headers(error, record.request.id)
        record.answer_bytes = len(body)
        self._finish(record, "refused", body)
        return reply

    def landed(self) -> None:
        """Record a request that ended from outside before an answer began."""
        record = self._record or self._begin(refused_request(self._environ, self._key_id))
        self._finish(record, "cut_by_shutdown" if self._flight.cause == "shutdown" else "client_gone")

    def _begin(self, made: ProxyRequest) -> Record:
        return Record(made, self._run.settings.lb_strategy, self._environ.get("HTTP_USER_AGENT", "")[:200] or None)

    def _finish(self, record: Record, outcome: Outcome, body: bytes = b"") -> None:
        if self._corridor is not None:
            self._corridor.abandon()
        record.capture = self._run.recorder.capture()
        if record.capture is not None and body:
            record.capture.add(body)
        self._run.recorder.finish(record, outcome)
        self._run.flights.end(self._flight)

    def _answer(self, served: Served, record: Record) -> Reply:
        opened = served.opened
        status, fields, shown = opened.answer.status, opened.answer.headers, opened.shown
        relay_of: type[Relay] = Relay
        if shown is not None:
            status, fields, relay_of = shown.status, headers_down(fields, shown), TranslatedRelay
            record.losses = shown.losses
        record.account, record.status, record.answer_headers = served.candidate, status, fields
        record.upstream_request_id = opened.fields.get("request-id") or opened.fields.get("x-request-id")
        record.capture = self._run.recorder.capture()
        dropped = _HOP_BY_HOP | named_by_connection(opened.fields.get("connection", ""))
        headers = [pair for pair in fields if pair[0].lower() not in dropped]
        headers.append((REQUEST_ID, id_text(record.request.id)))
        run = self._run
        relay = relay_of(served, record, run.recorder, run.flights, self._flight, run.settings, self._environ)
        return Reply(status, headers, relay)
