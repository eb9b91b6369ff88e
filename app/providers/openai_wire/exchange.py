"""One request between a client of one shape and an account of the other: what goes up, how the answer comes back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from app.providers.openai_wire.account.answer import chat_to_message, is_error
from app.providers.openai_wire.account.request import messages_to_chat
from app.providers.openai_wire.account.stream import ChatToMessageStream
from app.providers.openai_wire.chat.answer import message_to_chat
from app.providers.openai_wire.chat.request import chat_to_messages
from app.providers.openai_wire.chat.stream import MessageToChatStream
from app.providers.openai_wire.dialect import dialect_for
from app.providers.openai_wire.errors import error_to_anthropic, error_to_openai
from app.providers.openai_wire.responses.answer import message_to_response
from app.providers.openai_wire.responses.request import responses_to_messages
from app.providers.openai_wire.responses.stream import MessageToResponseStream
from app.providers.openai_wire.streaming import StreamTranslator
from app.providers.openai_wire.translation import Translation, mapping, parsed

Shape = Literal["anthropic", "openai"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A translated request, complete with the translators of its answer.

    `path`: where `body` goes at the account. `answer` takes a served body and the time in epoch seconds, `stream`
    the time and gives a translator for one stream, `error` a status and the body that came with it.
    `mistaken` tells whether a served body is an error in spite of its status.
    """

    path: str
    body: bytes
    losses: tuple[str, ...]
    is_stream: bool
    answer: Callable[[bytes, int], Translation] = field(repr=False)
    stream: Callable[[int], StreamTranslator] = field(repr=False)
    error: Callable[[int, bytes], bytes] = field(repr=False)
    mistaken: Callable[[bytes], bool] = field(repr=False, default=lambda _: False)


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


def client_shape(path: str) -> Shape:
    """Return which shape the caller of a path expects, for errors of our own as well."""
    return "openai" if path.startswith(("/v1/chat/completions", "/v1/responses", "/v1/completions")) else "anthropic"


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
