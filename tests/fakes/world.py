"""What the fake answers: the route of a request, what the API checks first, and the step on top."""

import gzip
import hashlib
import json
import time
import zlib
from typing import Any

from tests.fakes import chat, limits, messages
from tests.fakes.delivery import Answer, Step
from tests.fakes.ledger import Entry
from tests.fakes.messages import dumps
from tests.fakes.oauth import OAuth, Refused
from tests.fakes.resources import JSON, Missing, Resources
from tests.fakes.wire import Request

MAX_BODY_BYTES = 32 * 1024 * 1024
KINDS = {
    400: ("invalid_request_error", "Invalid request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    405: ("invalid_request_error", "Method Not Allowed"),
    409: ("conflict_error", "The resource is in conflict."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    422: ("invalid_request_error", "Unprocessable request."),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    500: ("api_error", "Internal server error"),
    502: ("api_error", "Bad gateway"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
_OAUTH_PATHS = ("/v1/oauth/token", "/api/oauth/usage", "/api/oauth/profile", "/api/oauth/claude_cli/create_api_key")
_GROUPS = {"/v1/oauth/token": "token", "/api/oauth/usage": "usage", "/api/oauth/claude_cli/create_api_key": "keys"}


class Fault(Exception):
    """The API refuses the request by itself."""

    def __init__(self, status: int, message: str | None = None, kind: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind


def api_path(path: str) -> str:
    """Return the path without the prefix of a compatible endpoint (`/api/anthropic/v1/messages`)."""
    at = path.find("/v1/")
    return path if at <= 0 or path in _OAUTH_PATHS else path[at:]


def group_of(path: str) -> str:
    """Return the name under which scripts address a path as one of several."""
    return _GROUPS.get(path, "v1")


class World:
    """Everything behind the socket: tokens, windows, files, and the answers made from them."""

    def __init__(self, *, scheme: str = "http", shallow: bool = False) -> None:
        self.scheme = scheme
        self.shallow = shallow
        """Look into big bodies with a search instead of a parser: for benchmarks."""
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.strict_tokens = False
        self.strict_keys: set[str] | None = None
        self.oauth = OAuth()
        self.resources = Resources()
        self.windows: dict[str, limits.Windows] = {}
        self._prefixes: dict[bytes, float] = {}

    def answer(self, entry: Entry, step: Step) -> Answer:
        """Return the answer to a request that was read completely."""
        request = entry.request
        path = api_path(request.path)
        request_id = f"req_011CFake{entry.number:016d}"
        try:
            answer = self._route(entry, path, step, request_id)
        except Fault as fault:
            answer = _error(path, fault.status, fault.message, request_id, fault.kind)
        except Missing:
            answer = _error(path, 404, None, request_id)
        except Refused as refused:
            answer = Answer(refused.status, [JSON], [dumps(refused.body).encode()])
        answer.headers += _common_headers(request_id, entry.number)
        return answer

    def windows_of(self, credential: str | None) -> limits.Windows:
        """Return the windows of a credential; they differ a little from one to the next."""
        key = credential or ""
        if key not in self.windows:
            share = zlib.crc32(key.encode()) % 100 / 400
            self.windows[key] = limits.Windows(five_hour=0.05 + share, seven_day=0.2 + share)
        return self.windows[key]

    def _route(self, entry: Entry, path: str, step: Step, request_id: str) -> Answer:
        request = entry.request
        if step.get("kind") == "status":
            said = _expired() if step["status"] == 401 and request.is_oauth else None
            return _scripted(path, {**step, "message": step.get("message") or said}, request_id)
        if step.get("kind") == "limited":
            pairs, body, message = limits.rejection(step)
            answer = _error(path, 429, message, request_id)
            if body is not None:
                answer.parts = [dumps(body).encode()]
            answer.headers += pairs
            return answer
        if path == "/oauth/authorize":
            return self._authorize(request)
        if path == "/v1/oauth/token":
            if request.method != "POST":
                raise Fault(405)
            return Answer(200, [JSON], [dumps(self.oauth.token(request.body, step)).encode()])
        self._admit(request, entry.credential, path)
        if path in _OAUTH_PATHS:
            return self._account(path, entry, step)
        if not path.startswith("/v1/"):
            raise Missing
        answer = self._api(path, entry, step, request_id)
        if not path.startswith("/v1/chat/"):
            answer.headers += limits.answer_headers(self.windows_of(entry.credential), is_oauth=request.is_oauth)
        return answer

    def _admit(self, request: Request, credential: str | None, path: str) -> None:
        """Check the credential as the API does. Raises Fault."""
        if credential is None:
            raise Fault(401, "x-api-key header is required")
        if request.is_oauth:
            if "oauth-2025-04-20" not in request.folded.get("anthropic-beta", ""):
                raise Fault(401, "OAuth authentication is currently not supported.")
            if self.strict_tokens and not self.oauth.is_live(credential):
                raise Fault(401, _expired())
        elif path in _OAUTH_PATHS:
            raise Fault(401, "OAuth authentication is required.")
        elif self.strict_keys is not None and credential not in self.strict_keys | set(self.oauth.keys):
            raise Fault(401)

    def _account(self, path: str, entry: Entry, step: Step) -> Answer:
        if path == "/api/oauth/usage":
            body = limits.usage_report(self.windows_of(entry.credential), step)
        elif path == "/api/oauth/profile":
            body = {
                "account": {"email": "someone@example.com", "has_claude_max": True},
                "organization": {"organization_type": "claude_max"},
            }
        elif entry.request.method == "POST":
            body = self.oauth.create_key()
        else:
            raise Fault(405)
        return Answer(200, [JSON], [dumps(body).encode()])

    def _api(self, path: str, entry: Entry, step: Step, request_id: str) -> Answer:
        request = entry.request
        if len(request.body) > MAX_BODY_BYTES:
            raise Fault(413)
        asked = self._parsed(request)
        if path == "/v1/chat/completions":
            return self._chat(entry, asked, step)
        if path == "/v1/models" and (entry.credential or "").startswith("sk-openai"):
            return Answer(200, [JSON], [dumps(chat.models()).encode()])
        if "anthropic-version" not in request.folded:
            raise Fault(400, "anthropic-version: header is required")
        if path not in ("/v1/messages", "/v1/messages/count_tokens"):
            return self.resources.answer(path, request, asked, self.scheme)
        if request.method != "POST":
            raise Fault(405)
        if fault := messages.fault(asked, path):
            raise Fault(400, fault)
        if path.endswith("/count_tokens"):
            return Answer(200, [JSON], [dumps({"input_tokens": max(8, len(request.body) // 4)}).encode()])
        return self._message(entry, asked, step, request_id)

    def _message(self, entry: Entry, asked: dict[str, Any], step: Step, request_id: str) -> Answer:
        body = entry.request.body
        cached = b'"cache_control"' in body and self._has_seen(entry.credential or "", asked)
        whole = messages.message(asked, body, step, entry.number, cached)
        if asked.get("stream") is not True:
            if "error_after" in step:
                status = {"overloaded_error": 529, "rate_limit_error": 429}.get(step["error_kind"], 500)
                raise Fault(status)
            return Answer(200, [JSON], [dumps(whole).encode()])
        events = messages.events(whole, step.get("events"))
        if "error_after" in step:
            events = [*events[: step["error_after"]], messages.error_event(step["error_kind"], request_id)]
        headers = [("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache")]
        return Answer(200, headers, events, stream=True)

    def _chat(self, entry: Entry, asked: Any, step: Step) -> Answer:
        if fault := chat.fault(asked):
            raise Fault(400, fault)
        whole = chat.completion(asked, entry.request.body, step, entry.number)
        limit = [("x-ratelimit-limit-requests", "500"), ("x-ratelimit-remaining-requests", "499")]
        limit += [
            ("x-ratelimit-reset-requests", "6m0s"),
            ("openai-processing-ms", "42"),
            ("openai-version", "2020-10-01"),
        ]
        if asked.get("stream") is not True:
            if "error_after" in step:
                raise Fault(429 if step["error_kind"] == "rate_limit_error" else 503)
            return Answer(200, [JSON, *limit], [dumps(whole).encode()])
        parts = chat.chunks(whole, asked, step)
        if "error_after" in step:
            parts = [*parts[: step["error_after"]], chat.error_event(step["error_kind"])]
        return Answer(200, [("Content-Type", "text/event-stream; charset=utf-8"), *limit], parts, stream=True)

    def _authorize(self, request: Request) -> Answer:
        """Agree at once and show the code to copy, as the provider's page does."""
        grant = self.oauth.authorize(request.query)
        shown = f"{grant['code']}#{grant['state']}"
        if "application/json" in request.folded.get("accept", ""):
            return Answer(200, [JSON], [dumps({**grant, "shown": shown}).encode()])
        page = f'<!doctype html><title>Authentication code</title><p>Paste this code:</p><code id="code">{shown}</code>'
        return Answer(200, [("Content-Type", "text/html; charset=utf-8")], [page.encode()])

    def _has_seen(self, credential: str, asked: dict[str, Any]) -> bool:
        """Whether this credential sent the same prefix (model, tools, system) within five minutes."""
        prefix = dumps([credential, asked.get("model"), asked.get("tools"), asked.get("system")]).encode()
        key, now = hashlib.sha256(prefix).digest(), time.time()
        seen = now - self._prefixes.get(key, 0) < 300
        self._prefixes[key] = now
        return seen

    def _parsed(self, request: Request) -> Any:
        """Return the JSON body, or None when there is none."""
        body = request.body
        match request.folded.get("content-encoding"):
            case "gzip":
                body = gzip.decompress(body)
            case "deflate":
                body = zlib.decompress(body)
        if not body or "multipart" in request.folded.get("content-type", ""):
            return None
        if self.shallow and len(body) > 8192:
            is_stream = b'"stream":true' in body or b'"stream": true' in body
            return {"model": "claude-sonnet-4-6", "max_tokens": 1, "messages": [{"role": "user"}], "stream": is_stream}
        try:
            return json.loads(body)
        except ValueError:
            return None


def _scripted(path: str, step: Step, request_id: str) -> Answer:
    body = step["body"]
    if body is None:
        return _error(path, step["status"], step.get("message"), request_id)
    if isinstance(body, str):
        return Answer(step["status"], [("Content-Type", "text/html")], [body.encode()])
    return Answer(step["status"], [JSON], [dumps(body).encode()])


def _error(path: str, status: int, message: str | None, request_id: str, kind: str | None = None) -> Answer:
    usual = KINDS.get(status, ("api_error", "Error"))
    text = message or usual[1]
    if path.startswith("/v1/chat/"):
        return Answer(status, [JSON], [dumps(chat.error(status, text)).encode()])
    error = {"type": kind or usual[0], "message": text, "details": None}
    body = {"type": "error", "error": error, "request_id": request_id}
    headers = [JSON, ("x-should-retry", "true")] if status == 529 else [JSON]
    return Answer(status, headers, [dumps(body).encode()])


def _expired() -> str:
    return "OAuth token has expired. Please obtain a new token or refresh your existing token."


def _common_headers(request_id: str, number: int) -> list[tuple[str, str]]:
    return [
        ("request-id", request_id),
        ("anthropic-organization-id", "7b1f6c1e-0a5c-4a2b-9c55-3d0d7c0ffee0"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("server-timing", "x-originResponse;dur=12"),
        ("server-timing", "cfCacheStatus;desc=DYNAMIC"),
        ("set-cookie", f"__cf_bm=fake{number}; HttpOnly; Secure; Path=/"),
        ("set-cookie", f"_cfuvid=fake{number}; HttpOnly; SameSite=None; Secure; Path=/"),
        ("X-Unheard-Of", "kept as it is"),
        ("via", "1.1 google"),
        ("cf-cache-status", "DYNAMIC"),
        ("X-Robots-Tag", "none"),
        ("Server", "cloudflare"),
        ("CF-RAY", f"{number:016x}-ZRH"),
    ]
