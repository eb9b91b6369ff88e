"""Answers of the Messages API: content, usage that follows the request, and the event stream."""

import json
import random
import re
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Json = dict[str, Any]

_CLOSINGS = (
    "Here is the short version: it works, and the numbers agree.",
    "I looked at it from three sides and found nothing that contradicts you.",
    "The next step is small: write the failing test, then make it pass.",
    "Größere Änderungen brauchen Geduld und guten Tee. 🍵",
    "In summary, keep the interface narrow and the state in one place.",
)
_SIGNATURE = "EqQBCkYIBxgCKkDf" + "Zm9yIHRlc3Rpbmcgb25seQ" * 6 + "=="


dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Compact JSON with non-ASCII as it is, like the API."""


def fault(asked: Any, path: str) -> str | None:
    """Return what the API would find wrong with a body, or None."""
    if not isinstance(asked, dict):
        return "The request body is not valid JSON."
    required = ("messages", "model") if path.endswith("/count_tokens") else ("max_tokens", "messages", "model")
    for name in required:
        if name not in asked:
            return f"{name}: Field required"
    if not isinstance(asked["messages"], list):
        return "messages: Input should be a valid list"
    if not asked["messages"]:
        return "messages: at least one message is required"
    return None


def message(asked: Json, body: bytes, step: Json, number: int, cached: bool) -> Json:
    """Return the whole message that answers a request; `cached` says whether its prefix was seen before."""
    blocks = list(_blocks(asked, step, number))
    usage = _usage(body, blocks, step, cached)
    stop = step.get("stop_reason") or _stop_reason(blocks, step)
    return {
        "model": step.get("model") or asked["model"],
        "id": f"msg_01Fake{number:018d}",
        "type": "message",
        "role": "assistant",
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage,
    }


def events(answer: Json, deltas: int | None = None) -> list[bytes]:
    """Return the event stream of a message; `deltas` is the exact number of text deltas."""
    usage = answer["usage"]
    opening = {**usage, "output_tokens": min(3, usage["output_tokens"])}
    opening.pop("server_tool_use", None)
    start = {**answer, "content": [], "stop_reason": None, "usage": opening}
    stream = [event({"type": "message_start", "message": start})]
    for index, block in enumerate(answer["content"]):
        stream += _block_events(index, block, deltas)
    stream.insert(2, b'event: ping\ndata: {"type": "ping"}\n\n')
    delta = {"stop_reason": answer["stop_reason"], "stop_sequence": answer["stop_sequence"]}
    names = (
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
        "server_tool_use",
    )
    final = {name: usage[name] for name in names if name in usage}
    stream.append(event({"type": "message_delta", "delta": delta, "usage": final}))
    stream.append(event({"type": "message_stop"}))
    return stream


def event(data: Json) -> bytes:
    """Return one event; spaces of random number stand before the last brace, as the API pads its lines."""
    return _framed(data["type"], dumps(data))


def error_event(kind: str, request_id: str) -> bytes:
    """Return an error inside a stream."""
    text = {"overloaded_error": "Overloaded", "rate_limit_error": "Error", "api_error": "Internal server error"}
    error = {"details": None, "type": kind, "message": text.get(kind, kind)}
    return event({"type": "error", "error": error, "request_id": request_id})


def prompt_of(asked: Json) -> str:
    """Return the text of the last user message."""
    for entry in reversed(asked.get("messages") or []):
        if isinstance(entry, dict) and entry.get("role") == "user":
            content = entry.get("content")
            if isinstance(content, str):
                return content
            texts = [
                part.get("text", "") for part in content or [] if isinstance(part, dict) and part.get("type") == "text"
            ]
            if texts:
                return str(texts[-1])
    return ""


def reply_text(asked: Json) -> str:
    """Return a short answer that shows a piece of the prompt and differs between prompts."""
    prompt = " ".join(prompt_of(asked).split())
    pick = zlib.crc32(prompt.encode()) % len(_CLOSINGS)
    return f"You wrote “{prompt[:60]}”. {_CLOSINGS[pick]} {_CLOSINGS[(pick + 2) % len(_CLOSINGS)]}"


def wanted_tools(asked: Json) -> list[Json]:
    """Return the tool calls that a request provokes: by tool_choice, or by `use NAME` in the prompt."""
    offered = {tool["name"]: tool for tool in asked.get("tools") or [] if isinstance(tool, dict) and "name" in tool}
    last = (asked.get("messages") or [{}])[-1]
    if not offered or "tool_result" in dumps(last.get("content", "") if isinstance(last, dict) else ""):
        return []
    choice = asked.get("tool_choice") or {}
    names: list[str] = []
    if choice.get("type") == "tool":
        names = [choice.get("name", "")]
    elif choice.get("type") == "any":
        names = [next(iter(offered))]
    elif choice.get("type") != "none":
        names = re.findall(r"use (\w+)", prompt_of(asked))
    calls = [{"name": name, "input": _sample(offered[name].get("input_schema"))} for name in names if name in offered]
    return calls[:1] if choice.get("disable_parallel_tool_use") else calls


def pieces_of(text: str, count: int | None) -> list[str]:
    """Cut a text into about four words each, or into exactly `count` pieces (repeating it when too short)."""
    if count is None:
        return re.findall(r"(?:\S+\s*){1,4}", text) or [""]
    while len(text) < count:
        text = f"{text} {text}" if text else "word "
    edges = [len(text) * number // count for number in range(count + 1)]
    return [text[start:stop] for start, stop in pairwise(edges)]


def _sample(schema: Any) -> Any:
    """Return a value that fits a JSON schema well enough."""
    if not isinstance(schema, dict):
        return {}
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _sample(inner) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [_sample(schema.get("items"))]
        case "integer" | "number":
            return 7
        case "boolean":
            return True
        case _:
            return "Zürich"


def _blocks(asked: Json, step: Json, number: int) -> Iterator[Json]:
    thinking = step.get("thinking")
    if thinking is None and (asked.get("thinking") or {}).get("type") in ("enabled", "adaptive") and "text" not in step:
        thinking = "The question is short. I weigh two readings and take the plain one."
    if thinking:
        yield {"type": "thinking", "thinking": thinking, "signature": _SIGNATURE}
    if query := step.get("search"):
        yield from _search_blocks(query, number)
    calls = step.get("tools")
    if calls is None:
        calls = [] if "text" in step else wanted_tools(asked)
    text = step.get("text")
    if text is None:
        text = f"I will call {len(calls)} tool(s)." if calls else reply_text(asked)
    if text:
        block: Json = {"type": "text", "text": text}
        if step.get("citations") or step.get("search"):
            block["citations"] = step.get("citations") or [_citation(text)]
        yield block
    for index, call in enumerate(calls):
        yield {
            "type": "tool_use",
            "id": f"toolu_01Fake{number:010d}{index:06d}",
            "name": call["name"],
            "input": call["input"],
        }


def _search_blocks(query: str, number: int) -> Iterator[Json]:
    call = f"srvtoolu_01Fake{number:014d}"
    yield {"type": "server_tool_use", "id": call, "name": "web_search", "input": {"query": query}}
    found = {
        "type": "web_search_result",
        "title": "A page about it",
        "url": "https://example.com/page",
        "encrypted_content": "EqgfCioIARgB" * 4,
        "page_age": None,
    }
    yield {"type": "web_search_tool_result", "tool_use_id": call, "content": [found]}


def _citation(text: str) -> Json:
    return {
        "type": "web_search_result_location",
        "cited_text": text[:50],
        "url": "https://example.com/page",
        "title": "A page about it",
        "encrypted_index": "Eo8BCioIARgB",
    }


def _usage(body: bytes, blocks: list[Json], step: Json, cached: bool) -> Json:
    whole = max(8, len(body) // 4)
    prefix = whole * 9 // 10 if b'"cache_control"' in body else 0
    is_long = b'"1h"' in body
    written = 0 if cached else prefix
    usage: Json = {
        "input_tokens": whole - prefix,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": prefix - written,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 0 if is_long else written,
            "ephemeral_1h_input_tokens": written if is_long else 0,
        },
        "output_tokens": max(1, sum(map(_weight, blocks)) // 4),
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
    searches = sum(block["type"] == "server_tool_use" for block in blocks)
    if searches:
        usage["server_tool_use"] = {"web_search_requests": searches, "web_fetch_requests": 0}
    given = step.get("usage") or {}
    usage |= given
    if "cache_creation" in given and "cache_creation_input_tokens" not in given:
        usage["cache_creation_input_tokens"] = sum(given["cache_creation"].values())
    return usage


def _weight(block: Json) -> int:
    """Return about how many characters the model wrote for a block."""
    text = block.get("text") or block.get("thinking")
    return len(text) if text else len(dumps(block))


def _stop_reason(blocks: list[Json], step: Json) -> str:
    if step.get("refusal"):
        return "refusal"
    return "tool_use" if blocks and blocks[-1]["type"] == "tool_use" else "end_turn"


def _framed(kind: str, data: str) -> bytes:
    return f"event: {kind}\ndata: {data[:-1]}{' ' * int(random.random() * 16)}}}\n\n".encode()


def _block_events(index: int, block: Json, deltas: int | None) -> Iterator[bytes]:
    kind = block["type"]
    blank: Json
    if kind == "text":
        blank = {"type": "text", "text": ""} | ({"citations": []} if "citations" in block else {})
    elif kind == "thinking":
        blank = {"type": "thinking", "thinking": "", "signature": ""}
    else:
        blank = block | ({"input": {}} if "input" in block else {})
    yield event({"type": "content_block_start", "index": index, "content_block": blank})
    opening = f'{{"type":"content_block_delta","index":{index},"delta":'
    for delta in _deltas(kind, block, deltas):
        yield _framed("content_block_delta", f"{opening}{dumps(delta)}}}")
    yield event({"type": "content_block_stop", "index": index})


def _deltas(kind: str, block: Json, deltas: int | None) -> Iterator[Json]:
    if kind == "text":
        for citation in block.get("citations", ()):
            yield {"type": "citations_delta", "citation": citation}
        for piece in pieces_of(block["text"], deltas):
            yield {"type": "text_delta", "text": piece}
    elif kind == "thinking":
        for piece in pieces_of(block["thinking"], None):
            yield {"type": "thinking_delta", "thinking": piece}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif kind in ("tool_use", "server_tool_use"):
        yield {"type": "input_json_delta", "partial_json": ""}
        text = json.dumps(block["input"], ensure_ascii=False)
        for start in range(0, len(text), 12):
            yield {"type": "input_json_delta", "partial_json": text[start : start + 12]}
