"""A Messages stream as the typed events of the Responses API."""

from collections.abc import Iterable, Iterator

from app.providers.openai_wire.errors import anthropic_error
from app.providers.openai_wire.responses.blocks import OpenItem, open_item
from app.providers.openai_wire.responses.items import response_id, response_object
from app.providers.openai_wire.responses.request import ResponsesRequest
from app.providers.openai_wire.streaming import StreamTranslator, event_object
from app.providers.openai_wire.tables import INCOMPLETE_REASONS, RESPONSE_ERROR_CODES
from app.providers.openai_wire.translation import Json, dumps, fingerprint, mapping, text
from app.providers.openai_wire.usage import merged, usage_to_responses
from app.providers.sse import Event, encode

HELD_CHARS_MAX = 32 << 20
"""The last event repeats the whole answer, so it has to be kept; an answer of that size is no answer."""


class MessageToResponseStream(StreamTranslator):
    """Translates the stream of the answer to `request`. `created_s`: seconds since the epoch.

    The last event is `response.completed`, `response.incomplete`, or `response.failed` where the upstream broke.
    """

    def __init__(self, request: ResponsesRequest, created_s: int) -> None:
        super().__init__()
        self._request = request
        self._head: Json = {"id": "", "created_at": created_s, "model": ""}
        self._output: list[Json] = []
        self._open: OpenItem | None = None
        self._usage: Json = {}
        self._stop_reason: str | None = None
        self._number = 0
        self._held_chars = 0

    def keep_alive(self) -> Iterable[bytes]:
        """Return a comment, which every client passes over."""
        return [b": ping\n\n"]

    def read(self, event: Event) -> Iterable[bytes]:
        """Return what stands for one event."""
        message = event_object(event) or {}
        if message.get("type") == "ping":
            return self.keep_alive()
        if self._held_chars + (self._open.chars if self._open else 0) > HELD_CHARS_MAX:
            return self.failed("The upstream's answer is too large to translate.")
        return [self._encoded(each) for each in self._events_of(message)]

    def failed(self, message: str) -> Iterable[bytes]:
        """Return `response.failed`, and end."""
        return [self._encoded(each) for each in self._error({"message": message})]

    def _events_of(self, event: Json) -> Iterator[Json]:
        match event.get("type"):
            case "message_start":
                yield from self._start(mapping(event.get("message")))
            case "content_block_start":
                yield from self._close("completed")
                block = mapping(event.get("content_block"))
                self._open = open_item(self._head["id"], len(self._output), block, self._request.names)
                if self._open is None:
                    self._losses.add(f"content.{block.get('type')}")
                else:
                    yield from self._open.begin()
            case "content_block_delta" if self._open is not None:
                delta = mapping(event.get("delta"))
                if delta.get("type") == "citations_delta":
                    self._losses.add("citations")
                yield from self._open.piece(delta)
            case "message_delta":
                # An item ends here or where the next begins, not at its block's end: a call whose arguments
                # were cut must not look complete, and only the stop reason tells.
                self._usage = merged(self._usage, mapping(event.get("usage")))
                self._stop_reason = text(mapping(event.get("delta")).get("stop_reason")) or "end_turn"
                yield from self._close("incomplete" if self._stop_reason in INCOMPLETE_REASONS else "completed")
            case "message_stop":
                yield from self._stop()
            case "error":
                yield from self._error(event)

    def _start(self, message: Json) -> Iterator[Json]:
        self._head |= {"id": response_id(message), "model": text(message.get("model"))}
        self._usage = mapping(message.get("usage"))
        response = response_object(self._head, self._request.echo, [], None)
        yield {"type": "response.created", "response": response}
        yield {"type": "response.in_progress", "response": response}

    def _close(self, status: str) -> Iterator[Json]:
        if self._open is not None:
            yield from self._open.end(status)
            self._output.append(self._open.whole(status))
            self._held_chars += self._open.chars
            self._open = None

    def _stop(self) -> Iterator[Json]:
        reason = self._stop_reason or "end_turn"
        yield from self._close("completed")
        self.end(is_complete=True)
        response = response_object(self._head, self._request.echo, self._output, reason)
        response["usage"] = usage_to_responses(self._usage)
        yield {"type": f"response.{response['status']}", "response": response}

    def _error(self, event: Json) -> Iterator[Json]:
        """Yield `response.failed`; before it the beginning, where the upstream failed at once."""
        self.end(is_complete=False)
        if not self._head["id"]:
            yield from self._start({"id": fingerprint(dumps(event))})
        error = mapping(anthropic_error(event)["error"])
        output = [*self._output, *([self._open.whole("incomplete")] if self._open else [])]
        response = response_object(self._head, self._request.echo, output, "end_turn") | {"status": "failed"}
        response["error"] = {
            "code": RESPONSE_ERROR_CODES.get(text(error.get("type")), "server_error"),
            "message": text(error.get("message")),
        }
        yield {"type": "response.failed", "response": response}

    def _encoded(self, event: Json) -> bytes:
        numbered = event | {"sequence_number": self._number}
        self._number += 1
        return encode(text(event["type"]), dumps(numbered))
