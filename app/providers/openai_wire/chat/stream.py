"""A Messages stream as a Chat Completions stream."""

from collections.abc import Iterable, Iterator

from app.providers.openai_wire.chat.answer import call, completion_id, encrypted_detail, finish_reason, text_detail
from app.providers.openai_wire.errors import openai_error
from app.providers.openai_wire.streaming import StreamTranslator, event_object
from app.providers.openai_wire.translation import Json, dumps, mapping, number, text
from app.providers.openai_wire.usage import merged, usage_to_chat
from app.providers.sse import Event, encode

_KNOWN_BLOCKS = ("text", "thinking", "redacted_thinking", "tool_use")


class MessageToChatStream(StreamTranslator):
    """Translates the stream of one answer. `created_s`: seconds since the epoch.

    The client gets chunks up to `[DONE]`, or a chunk with an `error` and no `[DONE]`.
    """

    def __init__(self, created_s: int, *, includes_usage: bool) -> None:
        super().__init__()
        self._created_s = created_s
        self._includes_usage = includes_usage
        self._id = ""
        self._model = ""
        self._usage: Json = {}
        self._calls = -1
        self._is_call = False
        """Whether the open block is a call of the client's tool; others stream their input alike."""

    def keep_alive(self) -> Iterable[bytes]:
        """Return a comment, which every client passes over."""
        return [b": ping\n\n"]

    def read(self, event: Event) -> Iterable[bytes]:
        """Return what stands for one event."""
        message = event_object(event) or {}
        match message.get("type"):
            case "ping":
                return self.keep_alive()
            case "error":
                return self._error(message)
            case "message_stop":
                return self._stop()
        return [encode(None, dumps(self._chunk([choice]))) for choice in self._choices(message)]

    def failed(self, message: str) -> Iterable[bytes]:
        """Return a chunk that is an error, and end."""
        return self._error({"message": message})

    def _choices(self, event: Json) -> Iterator[Json]:
        match event.get("type"):
            case "message_start":
                message = mapping(event.get("message"))
                self._id, self._model = completion_id(message), text(message.get("model"))
                self._usage = mapping(message.get("usage"))
                yield _choice({"role": "assistant", "content": "", "refusal": None})
            case "content_block_start":
                yield from self._block(mapping(event.get("content_block")), number(event.get("index")) or 0)
            case "content_block_delta":
                yield from self._delta(mapping(event.get("delta")), number(event.get("index")) or 0)
            case "message_delta":
                self._usage = merged(self._usage, mapping(event.get("usage")))
                delta = mapping(event.get("delta"))
                said: Json = {}
                if explanation := text(mapping(delta.get("stop_details")).get("explanation")):
                    said["refusal"] = explanation
                choice = _choice(said, finish_reason(delta.get("stop_reason")))
                if sequence := text(delta.get("stop_sequence")):
                    choice["stop_reason"] = sequence
                yield choice

    def _block(self, block: Json, index: int) -> Iterator[Json]:
        kind = text(block.get("type"))
        self._is_call = kind == "tool_use"
        if self._is_call:
            self._calls += 1
            yield _choice({"tool_calls": [{"index": self._calls} | call(block, "")]})
        elif kind == "redacted_thinking":
            yield _choice({"reasoning_details": [encrypted_detail(block, index)]})
        elif kind == "text" and text(block.get("text")):
            yield _choice({"content": block["text"]})
        elif kind not in _KNOWN_BLOCKS:
            self._losses.add(f"content.{kind}")

    def _delta(self, delta: Json, index: int) -> Iterator[Json]:
        match delta.get("type"):
            case "text_delta":
                yield _choice({"content": text(delta.get("text"))})
            case "thinking_delta":
                said = text(delta.get("thinking"))
                yield _choice({"reasoning_content": said, "reasoning_details": [text_detail(said, index)]})
            case "signature_delta":
                yield _choice({"reasoning_details": [text_detail("", index, text(delta.get("signature")))]})
            case "input_json_delta" if self._is_call and (piece := text(delta.get("partial_json"))):
                yield _choice({"tool_calls": [{"index": self._calls, "function": {"arguments": piece}}]})
            case "citations_delta":
                self._losses.add("citations")

    def _chunk(self, choices: list[Json]) -> Json:
        chunk: Json = {"id": self._id, "object": "chat.completion.chunk", "created": self._created_s}
        chunk |= {"model": self._model, "choices": choices}
        return chunk | ({"usage": None} if self._includes_usage else {})

    def _stop(self) -> list[bytes]:
        self.end(is_complete=True)
        last = []
        if self._includes_usage:
            last.append(encode(None, dumps(self._chunk([]) | {"usage": usage_to_chat(self._usage)})))
        return [*last, encode(None, b"[DONE]")]

    def _error(self, error: Json) -> list[bytes]:
        self.end(is_complete=False)
        return [encode(None, dumps(openai_error(error)))]


def _choice(delta: Json, finish: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
