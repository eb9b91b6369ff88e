"""A Chat Completions stream as a Messages stream."""

from collections.abc import Iterable, Iterator, Mapping

from app.providers.openai_wire.account.answer import NO_SIGNATURE, call_id, message_id
from app.providers.openai_wire.account.delta import Said, matched_stop, read_said, stop_fields, stop_reason
from app.providers.openai_wire.account.lanes import Lanes, NamelessCall, TooMuchHeld
from app.providers.openai_wire.errors import anthropic_error
from app.providers.openai_wire.streaming import StreamTranslator, event_object
from app.providers.openai_wire.translation import Json, dumps, fingerprint, mapping, number, objects, parsed, text
from app.providers.openai_wire.usage import usage_to_anthropic
from app.providers.sse import Event, encode

_REFUSAL_CHARS = 4_000


class ChatToMessageStream(StreamTranslator):
    """Translates the stream of one answer; `renamed` is what the request's translation gave.

    The client gets either the whole sequence from `message_start` to `message_stop`, or an `error` event at
    the place where the upstream broke.
    """

    def __init__(self, renamed: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._seed = ""
        self._lanes = Lanes(lambda index, given: call_id(self._seed, index, given), renamed or {})
        self._finish: str | None = None
        self._stop_sequence: str | None = None
        self._refusal = ""
        self._usage: Json = {}

    def keep_alive(self) -> Iterable[bytes]:
        """Return a ping."""
        return [_encoded({"type": "ping"})]

    def read(self, event: Event) -> Iterable[bytes]:
        """Return what stands for one chunk."""
        if event.data.strip() == b"[DONE]":
            return self._complete()
        chunk = event_object(event)
        if chunk is None:
            return self.failed("The upstream sent an event that is no JSON object.")
        if chunk.get("error") or event.event == "error":
            return self._error(chunk)
        try:
            return [_encoded(each) for each in self._chunk(chunk, event.data)]
        except TooMuchHeld:
            return self.failed("The upstream's tool calls are interleaved beyond what can be put in order.")

    def failed(self, message: str) -> Iterable[bytes]:
        """Return an `error` event, and end."""
        return self._error({"message": message})

    def ended(self) -> Iterable[bytes]:
        """Return the end of a stream without `[DONE]`: complete when a finish_reason came."""
        return self._complete() if self._finish is not None else super().ended()

    def _chunk(self, chunk: Json, data: bytes) -> Iterator[Json]:
        if not self._seed:
            self._seed = text(chunk.get("id")) or fingerprint(data)
            yield self._start(text(chunk.get("model")))
        self._usage |= usage_to_anthropic(mapping(chunk.get("usage")))
        for choice in objects(chunk.get("choices")):
            if number(choice.get("index")) not in (0, None):
                self._losses.add("choices: only the first")
                continue
            yield from self._said(read_said(mapping(choice.get("delta")), self._losses))
            if finish := text(choice.get("finish_reason")):
                self._finish = finish
                self._stop_sequence = matched_stop(choice)

    def _start(self, model: str) -> Json:
        message: Json = {"id": message_id(self._seed), "type": "message", "role": "assistant", "model": model}
        message |= {"content": [], "stop_reason": None, "stop_sequence": None}
        # The count is not known yet, and the field is mandatory; message_delta tells it.
        message["usage"] = {"input_tokens": 0, "output_tokens": 0}
        return {"type": "message_start", "message": message}

    def _said(self, said: Said) -> Iterator[Json]:
        if said.thought:
            yield from self._lanes.add_text("thinking", said.thought)
            self._losses.add(NO_SIGNATURE)
        if said.signature:
            yield from self._lanes.add_signature(said.signature)
        if said.text or said.refusal:
            yield from self._lanes.add_text("text", said.text + said.refusal)
            self._refusal = (self._refusal + said.refusal)[:_REFUSAL_CHARS]
        for call in said.calls:
            yield from self._lanes.add_call(call)

    def _complete(self) -> Iterable[bytes]:
        if not self._seed:
            return self.failed("The upstream ended its stream without an answer.")
        if self._finish == "error":
            return self.failed("The upstream ended its answer with an error.")
        try:
            events = [_encoded(each) for each in self._lanes.finish()]
        except NamelessCall:
            return self.failed("The upstream sent a tool call without a name.")
        if self._lanes.has_late_pieces:
            self._losses.add("tool_calls: arguments behind the end of a call")
        reason = stop_reason(
            self._finish or "",
            has_calls=self._lanes.has_calls,
            has_refusal=bool(self._refusal),
            losses=self._losses,
        )
        delta = stop_fields(reason, self._refusal, self._stop_sequence)
        if "input_tokens" not in self._usage or "output_tokens" not in self._usage:
            self._losses.add("usage: not reported by the upstream, shown as 0")
        usage = {"output_tokens": 0} | self._usage
        events.append(_encoded({"type": "message_delta", "delta": delta, "usage": usage}))
        events.append(_encoded({"type": "message_stop"}))
        self.end(is_complete=True)
        return events

    def _error(self, error: Json) -> list[bytes]:
        self.end(is_complete=False)
        return [_encoded(anthropic_error(error))]


def chat_as_stream(body: bytes) -> bytes:
    """Return a whole completion as a stream of one chunk that says the same: some servers ignore `stream`."""
    answer = mapping(parsed(body))
    choices = [choice | {"delta": choice.get("message")} for choice in objects(answer.get("choices"))]
    return encode(None, dumps(answer | {"choices": choices})) + encode(None, b"[DONE]")


def _encoded(event: Json) -> bytes:
    return encode(text(event["type"]), dumps(event))
