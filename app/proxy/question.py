"""The request as one account is asked it: in the words of its upstream, with the way back of the answer."""

from dataclasses import dataclass, replace

from app.clock import now_ms
from app.errors import InvalidInput
from app.providers import Provider
from app.providers.openai_wire.exchange import Exchange, client_shape, exchange, is_listing, listing
from app.providers.upstream_error import is_missing_model
from app.proxy.opened import Opened
from app.routing import MAIN_PATHS
from app.usage.decoding import NotDecodable, decode
from app.usage.inspect import MAX_DECODED_BYTES
from app.values import Candidate, Headers, ProxyRequest, Shape, Verdict, folded

ANTHROPIC_VERSION = "2023-06-01"
"""The only version there is; a client of another API names none, and Anthropic's demands one."""

_OF_THE_CODING = frozenset({"content-encoding", "content-md5", "content-digest", "digest"})
_OF_THE_BODY = frozenset({"accept-encoding", "content-type", *_OF_THE_CODING})
"""Header fields that speak of bytes which a translation replaces."""

_FOREIGN: dict[Shape, tuple[str, ...]] = {"openai": ("anthropic-", "x-claude-"), "anthropic": ("openai-", "x-codex-")}
"""Account -> beginnings of the header fields that are the other API's own."""

REPEATABLE = frozenset(
    {
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/complete",
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/embeddings",
    }
)
"""POSTs that create nothing but their answer."""


@dataclass(slots=True)
class Question:
    """What one account is asked.

    `model`: its name for the model. `exchange` None: request and answer pass as they come.
    `has_more`: the account has further names for the model, to be asked for when it lacks this one.
    """

    request: ProxyRequest
    model: str | None
    exchange: Exchange | None = None
    has_more: bool = False

    @property
    def can_move_on(self) -> bool:
        """Whether somebody else may have the model where this one lacks it."""
        return self.has_more or self.exchange is not None


def question(
    provider: Provider, request: ProxyRequest, candidate: Candidate, model: str | None, *, has_more: bool = False
) -> Question:
    """Return what to ask the account. Raises InvalidInput when its upstream cannot be asked for this."""
    if request.path == "/v1/messages" and provider.shape == "anthropic":
        return Question(_renameable(request, model), model, None, has_more)
    found = _exchange(provider.shape, request, candidate, model)
    if found is None:
        return Question(_renameable(request, model), model, None, has_more)
    asked = replace(
        request,
        target=found.path,
        path=found.path.partition("?")[0],
        headers=_headers(request.headers, provider.shape, has_body=bool(found.body)),
        body=found.body,
        model=model,
    )
    return Question(asked, model, found, has_more)


def judged(provider: Provider, asked: Question, opened: Opened) -> Verdict:
    """Return what an answer means. A missing model is no fault of the client's while somebody else may have it."""
    status = opened.answer.status if opened.shown is None else opened.shown.status
    verdict = provider.verdict(status, opened.fields, opened.head, now_ms(), stream=opened.is_stream)
    if verdict.reason == "client" and asked.can_move_on and is_missing_model(status, opened.head):
        return replace(verdict, action="next")
    return verdict


def plain_body(request: ProxyRequest) -> bytes:
    """Return a body without its content coding. Raises InvalidInput."""
    coding = folded(request.headers).get("content-encoding", "")
    try:
        return decode(request.body, coding, MAX_DECODED_BYTES)
    except NotDecodable as exc:
        raise InvalidInput.field("content-encoding", f"the body cannot be decoded: {exc}") from exc


def _renameable(request: ProxyRequest, model: str | None) -> ProxyRequest:
    """Return the request with its body decoded where the name of the model in it is to be replaced."""
    if model == request.model or "content-encoding" not in folded(request.headers):
        return request
    headers = tuple(pair for pair in request.headers if pair[0].lower() not in _OF_THE_CODING)
    return replace(request, headers=headers, body=plain_body(request))


def caller_shape(request: ProxyRequest) -> Shape:
    """Return which shape the client expects of answers and errors."""
    path = request.path
    return client_shape(path, folded(request.headers) if is_listing(path) else None)


def _exchange(account: Shape, request: ProxyRequest, candidate: Candidate, model: str | None) -> Exchange | None:
    client = caller_shape(request)
    if client == account:
        return None
    if request.method == "GET":
        return listing(request.path, client, account)
    if request.method != "POST":
        return None
    if request.path not in MAIN_PATHS:
        return None
    if not model:
        raise InvalidInput.field("model", "name one")
    return exchange(request.path, plain_body(request), model, account, candidate.endpoint)


def _headers(headers: Headers, account: Shape, *, has_body: bool) -> Headers:
    """Return the client's headers less those that mean something to the other API alone."""
    foreign = _FOREIGN[account]
    kept = [pair for pair in headers if not (name := pair[0].lower()).startswith(foreign) and name not in _OF_THE_BODY]
    if has_body:
        kept.append(("content-type", "application/json"))
    if account == "anthropic" and all(name.lower() != "anthropic-version" for name, _ in kept):
        kept.append(("anthropic-version", ANTHROPIC_VERSION))
    return tuple(kept)
