"""The open block of a Messages stream as an output item: the events of its beginning, its pieces and its end."""

from collections.abc import Iterator, Mapping

from app.providers.openai_wire.responses.items import (
    call_item,
    custom_input,
    item_id,
    message_item,
    output_text,
    reasoning_item,
)
from app.providers.openai_wire.responses.names import ToolName, known_as
from app.providers.openai_wire.translation import Json, mapping, text


class OpenItem:
    """One output item in the making; `pieces` is its text or its arguments so far."""

    def __init__(self, response: str, index: int, block: Json) -> None:
        self.index = index
        self._block = block
        self._id = item_id(response, "thinking", index)
        self._pieces: list[str] = []
        self._signature = text(block.get("signature"))
        self.chars = 0
        """Characters held, since the item's end repeats them all."""

    def begin(self) -> Iterator[Json]:
        """Yield the events that open the item."""
        yield self._at("response.output_item.added", item=reasoning_item(self._id, None))

    def piece(self, delta: Json) -> Iterator[Json]:
        """Yield the events for one delta of the block."""
        self._signature += text(delta.get("signature"))
        if said := text(delta.get("thinking")):
            if not self._pieces:
                yield self._part("response.reasoning_summary_part.added", part=_summary(""))
            self._keep(said)
            yield self._part("response.reasoning_summary_text.delta", delta=said)

    def end(self, status: str) -> Iterator[Json]:
        """Yield the events that close the item; the last one carries it whole."""
        said = self.said
        if said:
            yield self._part("response.reasoning_summary_text.done", text=said)
            yield self._part("response.reasoning_summary_part.done", part=_summary(said))
        yield self._at("response.output_item.done", item=self.whole(status))

    def whole(self, status: str) -> Json:
        """Return the item as it stands."""
        block = dict(self._block)
        if block.get("type") == "thinking":
            block |= {"thinking": self.said, "signature": self._signature}
        return reasoning_item(self._id, block)

    @property
    def said(self) -> str:
        """The text or the arguments so far."""
        return "".join(self._pieces)

    def _keep(self, piece: str) -> None:
        self._pieces.append(piece)
        self.chars += len(piece)

    def _at(self, kind: str, **fields: object) -> Json:
        return {"type": kind, "output_index": self.index} | fields

    def _part(self, kind: str, **fields: object) -> Json:
        return self._at(kind, item_id=self._id, summary_index=0, **fields)


class OpenMessage(OpenItem):
    """A text block."""

    def __init__(self, response: str, index: int, block: Json) -> None:
        super().__init__(response, index, block)
        self._id = item_id(response, "text", index)

    def begin(self) -> Iterator[Json]:
        """Yield the events that open the message and its one part."""
        yield self._at("response.output_item.added", item=message_item(self._id, [], "in_progress"))
        yield self._part("response.content_part.added", part=output_text(""))
        yield from self.piece(self._block)

    def piece(self, delta: Json) -> Iterator[Json]:
        """Yield the event for one piece of text."""
        if said := text(delta.get("text")):
            self._keep(said)
            yield self._part("response.output_text.delta", delta=said, logprobs=[])

    def end(self, status: str) -> Iterator[Json]:
        """Yield the events that close the part and the message."""
        yield self._part("response.output_text.done", text=self.said, logprobs=[])
        yield self._part("response.content_part.done", part=output_text(self.said))
        yield self._at("response.output_item.done", item=self.whole(status))

    def whole(self, status: str) -> Json:
        """Return the message as it stands."""
        return message_item(self._id, [output_text(self.said)], status)

    def _part(self, kind: str, **fields: object) -> Json:
        return self._at(kind, item_id=self._id, content_index=0, **fields)


class OpenCall(OpenItem):
    """A tool_use block. A custom tool's text is told at its end: it arrives inside a JSON string."""

    def __init__(self, response: str, index: int, block: Json, names: Mapping[str, ToolName]) -> None:
        super().__init__(response, index, block)
        self._tool = known_as(text(block.get("name")), names)
        self._id = item_id(response, self._tool.kind, index)

    def begin(self) -> Iterator[Json]:
        """Yield the event that opens the call."""
        yield self._at("response.output_item.added", item=self._item("", "in_progress"))

    def piece(self, delta: Json) -> Iterator[Json]:
        """Yield the event for one piece of the arguments."""
        if said := text(delta.get("partial_json")):
            self._keep(said)
            if self._tool.kind == "function":
                yield self._at("response.function_call_arguments.delta", item_id=self._id, delta=said)

    def end(self, status: str) -> Iterator[Json]:
        """Yield the events that close the call."""
        said = self._arguments()
        if self._tool.kind == "custom":
            yield self._at("response.custom_tool_call_input.delta", item_id=self._id, delta=said)
            yield self._at("response.custom_tool_call_input.done", item_id=self._id, input=said)
        else:
            yield self._at(
                "response.function_call_arguments.done", item_id=self._id, name=self._tool.name, arguments=said
            )
        yield self._at("response.output_item.done", item=self._item(said, status))

    def whole(self, status: str) -> Json:
        """Return the call as it stands."""
        return self._item(self._arguments(), status)

    def _arguments(self) -> str:
        if self._tool.kind == "custom":
            return custom_input(self.said)
        return self.said or "{}"

    def _item(self, arguments: str, status: str) -> Json:
        return call_item(self._id, text(self._block.get("id")), self._tool, arguments, status)


def open_item(response: str, index: int, block: Json, names: Mapping[str, ToolName]) -> OpenItem | None:
    """Return the item for a block that opens, or None where the Responses API has none for it."""
    match block.get("type"):
        case "text":
            return OpenMessage(response, index, block)
        case "thinking" | "redacted_thinking":
            return OpenItem(response, index, block)
        case "tool_use":
            return OpenCall(response, index, mapping(block), names)
    return None


def _summary(said: str) -> Json:
    return {"type": "summary_text", "text": said}
