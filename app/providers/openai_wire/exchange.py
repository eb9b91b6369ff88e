"""One request between a client of one shape and an account of the other: what goes up, how the answer comes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.providers.openai_wire.account.answer import chat_to_message, is_error
from app.providers.openai_wire.account.request import messages_to_chat
from app.providers.openai_wire.account.stream import ChatToMessageStream, chat_as_stream
from app.providers.openai_wire.chat.answer import message_to_chat
from app.providers.openai_wire.chat.request import chat_to_messages
from app.providers.openai_wire.chat.stream import MessageToChatStream
from app.providers.openai_wire.dialect import dialect_for
from app.providers.openai_wire.errors import error_to_anthropic, error_to_openai
from app.providers.openai_wire.models import (
    model_to_anthropic,
    model_to_openai,
    models_to_anthropic,
    models_to_openai,
)
from app.providers.openai_wire.responses.answer import message_to_response
from app.providers.openai_wire.responses.request import responses_to_messages
from app.providers.openai_wire.responses.stream import MessageToResponseStream
from app.providers.openai_wire.streaming import StreamTranslator
from app.providers.openai_wire.translation import Translation, mapping, parsed
from app.values import Shape

_MODELS = "/v1/models"
_OPENAI_PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings")
_LISTINGS: Mapping[tuple[Shape, bool], Callable[[bytes], bytes]] = {
    ("anthropic", True): models_to_openai,
    ("anthropic", False): model_to_openai,
    ("openai", True): models_to_anthropic,
    ("openai", False): model_to_anthropic,
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A translated request, complete with the translators of its answer.

    `path`: where `body` goes at the account. `answer` takes a served body and the time in epoch seconds, `stream`
    the time and gives a translator for one stream (None: none is expected), `error` a status and the body that came
    with it.
    `mistaken` tells whether a served body is an error in spite of its status, and `as_stream` gives the
    stream that a whole body stands for where the upstream did not stream.
    """

    path: str
    body: bytes
    losses: tuple[str, ...]
    is_stream: bool
    answer: Callable[[bytes, int], Translation] = field(repr=False)
    stream: Callable[[int], StreamTranslator] | None = field(repr=False)
    error: Callable[[int, bytes], bytes] = field(repr=False)
    mistaken: Callable[[bytes], bool] = field(repr=False, default=lambda _: False)
    as_stream: Callable[[bytes], bytes] | None = field(repr=False, default=None)


def exchange(path: str, body: bytes, model: str, account: Shape, endpoint: str | None = None) -> Exchange | None:
    """Return the exchange for a request to `path` (without query), or None where it passes as it came.

    `model`: the name that the account knows. `endpoint`: an OpenAI-shaped account's own, None for OpenAI's.
    Raises InvalidInput for what cannot be answered there; `client_shape` tells how to show it.
    """
    match path, account:
        case "/v1/messages", "openai":
            return _account(body, model, endpoint)
        case "/v1/chat/completions", "anthropic":
            return _chat(body, model)
        case "/v1/responses", "anthropic":
            return _responses(body, model)
    return None


def listing(path: str, client: Shape, account: Shape) -> Exchange | None:
    """Return the exchange for a GET of `/v1/models` or of one model, or None where it passes as it came."""
    if client == account or not is_listing(path):
        return None
    is_list = path.rstrip("/") == _MODELS
    # An OpenAI client reads one page.
    target = f"{_MODELS}?limit=1000" if is_list and account == "anthropic" else path
    return Exchange(
        path=target,
        body=b"",
        losses=(),
        is_stream=False,
        answer=lambda body, _: Translation(_LISTINGS[account, is_list](body)),
        stream=None,
        error=error_to_anthropic if account == "openai" else error_to_openai,
    )


def is_listing(path: str) -> bool:
    """Whether a path is that of the models, which both APIs have."""
    return path == _MODELS or path.startswith(f"{_MODELS}/")


def client_shape(path: str, headers: Mapping[str, str] | None = None) -> Shape:
    """Return which shape the caller of a path expects, for errors of our own as well.

    `headers`: lower-case names; they tell the callers of `/v1/models` apart, since Anthropic's API demands its version.
    """
    if headers is not None and is_listing(path):
        return "anthropic" if "anthropic-version" in headers or "x-api-key" in headers else "openai"
    return "openai" if path.startswith(_OPENAI_PATHS) else "anthropic"


def _account(body: bytes, model: str, endpoint: str | None) -> Exchange:
    made = messages_to_chat(body, model, dialect_for(endpoint, model))
    return Exchange(
        path="/v1/chat/completions",
        body=made.body,
        losses=made.losses,
        is_stream=mapping(parsed(body)).get("stream") is True,
        answer=lambda answer, _: chat_to_message(answer, made.renamed),
        stream=lambda _: ChatToMessageStream(made.renamed),
        error=error_to_anthropic,
        mistaken=is_error,
        as_stream=chat_as_stream,
    )


def _chat(body: bytes, model: str) -> Exchange:
    made = chat_to_messages(body, model)
    return Exchange(
        path="/v1/messages",
        body=made.body,
        losses=made.losses,
        is_stream=made.is_stream,
        answer=message_to_chat,
        stream=lambda created_s: MessageToChatStream(created_s, includes_usage=made.includes_usage),
        error=error_to_openai,
    )


def _responses(body: bytes, model: str) -> Exchange:
    made = responses_to_messages(body, model)
    return Exchange(
        path="/v1/messages",
        body=made.body,
        losses=made.losses,
        is_stream=made.is_stream,
        answer=lambda answer, created_s: message_to_response(answer, made, created_s),
        stream=lambda created_s: MessageToResponseStream(made, created_s),
        error=error_to_openai,
    )
