"""What both OpenAI fronts share: content parts, tools and formats in Anthropic's terms, and the turns they fill."""

from dataclasses import dataclass

from app.errors import InvalidInput
from app.providers.openai_wire.claude import ClaudeModel, thinking_fields
from app.providers.openai_wire.ids import is_tool_name
from app.providers.openai_wire.translation import Json, Losses, data_url, mapping, text


class Turns:
    """Collects blocks into turns: neighbours of one role become one turn, as the Messages API reads them anyway."""

    def __init__(self) -> None:
        self.system: list[Json] = []
        self.messages: list[Json] = []

    def add(self, role: str, blocks: list[Json]) -> None:
        """Append blocks; empty text is left out, the API refuses it."""
        kept = [block for block in blocks if block.get("type") != "text" or text(block.get("text")).strip()]
        if not kept:
            return
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += kept
        else:
            self.messages.append({"role": role, "content": kept})

    def add_system(self, blocks: list[Json], losses: Losses) -> None:
        """Append system text; text that stands between turns moves to the front."""
        if self.messages and blocks:
            losses.add("messages: system text between turns is moved to the front")
        self.system += [block for block in blocks if text(block.get("text")).strip()]

    def fields(self) -> Json:
        """Return `system` and `messages`. A tool result goes to the front of its turn, where the API wants it."""
        for message in self.messages:
            message["content"].sort(key=lambda block: block.get("type") != "tool_result")
        if not self.messages:
            raise InvalidInput.field("messages", "there is no message that says anything")
        return ({"system": self.system} if self.system else {}) | {"messages": self.messages}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tool the model is to use: `mode` `auto`, `none`, `required`, or `tool` and its `name`.

    `allowed`: the names of the only tools that may be used, None when all may.
    """

    mode: str = "auto"
    name: str = ""
    allowed: frozenset[str] | None = None


def text_block(said: str, part: Json | None = None) -> Json:
    """Return a text block; a cache mark on the part is kept."""
    block: Json = {"type": "text", "text": said}
    if part is not None and part.get("cache_control"):
        block["cache_control"] = part["cache_control"]
    return block


def image_block(url: str, where: str) -> Json:
    """Return an image block for a URL. Raises InvalidInput for one that no upstream could read."""
    if inline := data_url(url):
        return {"type": "image", "source": {"type": "base64", "media_type": inline[0], "data": inline[1]}}
    if not url.startswith(("https://", "http://")):
        raise InvalidInput.field(where, "an image is a http(s) URL or a base64 data URL")
    return {"type": "image", "source": {"type": "url", "url": url}}


def file_block(file: Json, where: str) -> Json:
    """Return a document block for an inline file or a file's URL. Raises InvalidInput for anything else."""
    source: Json
    if inline := data_url(text(file.get("file_data"))):
        media_type, data = inline
        if media_type.startswith("image/"):
            return image_block(text(file.get("file_data")), where)
        source = {"type": "base64", "media_type": media_type, "data": data}
    elif url := text(file.get("file_url")):
        source = {"type": "url", "url": url}
    else:
        raise InvalidInput.field(where, "a file must come inline as a base64 data URL: its id is unknown here")
    block: Json = {"type": "document", "source": source}
    if name := text(file.get("filename")):
        block["title"] = name
    return block


def tool(function: Json, losses: Losses) -> Json | None:
    """Return the tool for a function's definition, or None (and a loss) where its name cannot be used."""
    name = text(function.get("name"))
    if not is_tool_name(name):
        losses.add(f"tools: {name[:80] or 'one without a name'}")
        return None
    made: Json = {"name": name}
    if description := text(function.get("description")):
        made["description"] = description
    made["input_schema"] = {"type": "object", "properties": {}} | mapping(function.get("parameters"))
    if function.get("strict") is True:
        made["strict"] = True
    if function.get("cache_control"):
        made["cache_control"] = function["cache_control"]
    return made


def choice_fields(choice: Choice, names: list[str], parallel: object, losses: Losses) -> Json:
    """Return `tool_choice` as far as it says anything, also that calls are not to be parallel."""
    made: Json = {"type": "auto"}
    if choice.mode == "none":
        return {"tool_choice": {"type": "none"}}
    if choice.mode == "required":
        made = {"type": "any"}
    elif choice.mode == "tool" and choice.name in names:
        made = {"type": "tool", "name": choice.name}
    elif choice.mode != "auto":
        losses.add("tool_choice")
    if parallel is False:
        made["disable_parallel_tool_use"] = True
    return {} if made == {"type": "auto"} else {"tool_choice": made}


def reasoning_fields(effort: str, made: Json, model: ClaudeModel, losses: Losses) -> Json:
    """Return `thinking` and `output_config` for an effort, unless the rest of the request forbids to think."""
    if effort and effort != "none":
        if mapping(made.get("tool_choice")).get("type") in ("any", "tool"):
            losses.add("reasoning_effort: a forced tool call goes without thinking")
            return {}
        if not model.has_adaptive_thinking and _continues_without_thought(made["messages"]):
            losses.add("reasoning_effort: the thinking before the tool calls was not sent back")
            return {}
    return thinking_fields(effort, model, made["max_tokens"], losses)


def _continues_without_thought(messages: list[Json]) -> bool:
    """Whether a tool result is answered whose call lacks its thinking: with a budget, the API refuses that."""
    if len(messages) < 2 or messages[-1]["content"][0].get("type") != "tool_result":
        return False
    return messages[-2]["content"][0].get("type") not in ("thinking", "redacted_thinking")


def format_fields(wanted: Json, schema: Json, model: ClaudeModel, losses: Losses) -> Json:
    """Return `output_config.format` for a JSON schema; `json_object` has no counterpart."""
    kind = text(wanted.get("type"))
    if kind in ("", "text"):
        return {}
    if kind != "json_schema" or not schema or not model.has_formats:
        losses.add(f"response_format: {kind}")
        return {}
    return {"format": {"type": "json_schema", "schema": schema}}


def stop_field(stop: object, losses: Losses) -> Json:
    """Return `stop_sequences`; the API refuses one of white space only."""
    given = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    kept = [each for each in given if isinstance(each, str) and each.strip()]
    if len(kept) < len(given):
        losses.add("stop: white space")
    return {"stop_sequences": kept} if kept else {}
