"""What the events and documents of an answer say about usage, for the wires of Anthropic and OpenAI. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from app.providers.openai_wire.translation import mapping, objects
from app.providers.openai_wire.usage import usage_to_anthropic
from app.values import Tokens

_MAX_COUNT = 1 << 53
_MAX_TEXT = 2000
_CHAT_NAMES = {
    "input_tokens": "prompt_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens": "completion_tokens",
    "output_tokens_details": "completion_tokens_details",
}
"""What Chat Completions calls the same counts of the Responses API."""

Document = dict[str, Any]


class Findings:
    """What was found so far in one answer. Later usage wins field by field; a missing field keeps its value."""

    __slots__ = (
        "complete",
        "error",
        "first_token_at",
        "has_final_usage",
        "last_token_at",
        "message_id",
        "model",
        "stop_reason",
        "usage",
    )

    def __init__(self) -> None:
        self.usage: dict[str, int] = {}
        """Counts by the names of `Tokens`; `cache_write` is a total whose split is `cache_write_5m` and `_1h`."""
        self.model: str | None = None
        self.message_id: str | None = None
        self.stop_reason: str | None = None
        self.error: tuple[str, str] | None = None
        self.first_token_at: int | None = None
        self.last_token_at: int | None = None
        self.complete = False
        self.has_final_usage = False

    def tokens(self) -> Tokens:
        """Return the counts by price class. Cache writes that no one split count as 5 min."""
        usage = self.usage
        total, short, long = usage.get("cache_write"), usage.get("cache_write_5m"), usage.get("cache_write_1h")
        if total is not None and total != (short or 0) + (long or 0):
            long = None if long is None else min(long, total)
            short = total - (long or 0)
        elif total is not None and short is None:
            short = total - (long or 0)
        return Tokens(
            input=usage.get("input"),
            output=usage.get("output"),
            cache_read=usage.get("cache_read"),
            cache_write_5m=short,
            cache_write_1h=long,
            web_searches=usage.get("web_searches"),
        )

    def saw_token(self, at_ms: int) -> None:
        """Note that content of the answer came at this time."""
        if self.first_token_at is None:
            self.first_token_at = at_ms
        self.last_token_at = at_ms

    def name(self, message: Document) -> None:
        """Take the id and the model of a message, where it has them."""
        self.message_id = _text(message.get("id"), 200) or self.message_id
        self.model = _text(message.get("model"), 200) or self.model

    def count(self, counts: Mapping[str, int | None]) -> bool:
        """Take what is known of `counts`; returns whether anything is."""
        known = {name: count for name, count in counts.items() if count is not None}
        self.usage.update(known)
        return bool(known)

    def fail(self, error: object) -> None:
        """Take an error object of either wire; the first one stands."""
        if self.error is not None:
            return
        if isinstance(error, dict):
            kind = _text(error.get("type"), 200) or _text(error.get("code"), 200) or "error"
            self.error = kind, _text(error.get("message"), _MAX_TEXT) or ""
        elif isinstance(error, str):
            self.error = "error", error[:_MAX_TEXT]


def parsed(data: bytes) -> Document | None:
    """Return a JSON object, or None for anything else."""
    try:
        document = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def anthropic_event(findings: Findings, name: str | None, data: bytes, at_ms: int) -> None:
    """Read one event of a Messages stream. Events: https://docs.anthropic.com/en/docs/build-with-claude/streaming."""
    document = parsed(data)
    if document is None:
        return
    kind = document.get("type") or name
    if kind == "content_block_delta":
        findings.saw_token(at_ms)
    elif kind == "message_start":
        message = mapping(document.get("message"))
        findings.name(message)
        findings.stop_reason = _text(message.get("stop_reason"), 200)
        _anthropic_usage(findings, message)
        return
    elif kind == "message_delta":
        delta = mapping(document.get("delta"))
        findings.stop_reason = _text(delta.get("stop_reason"), 200) or findings.stop_reason
        if _anthropic_usage(findings, document):
            findings.has_final_usage = True
        return
    elif kind == "message_stop":
        findings.complete = True
    elif kind == "error":
        findings.fail(document.get("error") or document)
    _anthropic_usage(findings, document)


def anthropic_document(findings: Findings, document: Document) -> None:
    """Read a whole Messages answer, or an error's body."""
    if error := document.get("error"):
        findings.fail(error)
        return
    findings.name(document)
    findings.stop_reason = _text(document.get("stop_reason"), 200)
    findings.has_final_usage = _anthropic_usage(findings, document)


def openai_event(findings: Findings, name: str | None, data: bytes, at_ms: int) -> None:
    """Read one event of a Chat Completions or Responses stream."""
    if data.strip() == b"[DONE]":
        findings.complete = True
        return
    document = parsed(data)
    if document is None:
        return
    kind = document.get("type") or name
    if isinstance(kind, str) and kind.startswith("response."):
        if kind.endswith(".delta"):
            findings.saw_token(at_ms)
        response = mapping(document.get("response"))
        findings.complete |= kind in ("response.completed", "response.incomplete", "response.failed")
    else:
        if kind == "error":
            findings.fail(document.get("error") or document)
        if _has_content(document):
            findings.saw_token(at_ms)
        response = document
    openai_document(findings, response)


def openai_document(findings: Findings, document: Document) -> None:
    """Read a whole answer of Chat Completions or Responses, a chunk of one, or an error's body."""
    findings.name(document)
    if error := document.get("error"):
        findings.fail(error)
    for choice in objects(document.get("choices"))[:1]:
        findings.stop_reason = _text(choice.get("finish_reason"), 200) or findings.stop_reason
    if document.get("object") == "response":
        reason = mapping(document.get("incomplete_details")).get("reason") or document.get("status")
        if reason != "in_progress":
            findings.stop_reason = _text(reason, 200) or findings.stop_reason
    if _openai_usage(findings, mapping(document.get("usage"))):
        findings.has_final_usage = True


def _anthropic_usage(findings: Findings, message: Document) -> bool:
    usage = mapping(message.get("usage"))
    if not usage:
        return False
    split = mapping(usage.get("cache_creation"))
    return findings.count(
        {
            "input": _count(usage.get("input_tokens")),
            "output": _count(usage.get("output_tokens")),
            "cache_read": _count(usage.get("cache_read_input_tokens")),
            "cache_write": _count(usage.get("cache_creation_input_tokens")),
            "cache_write_5m": _count(split.get("ephemeral_5m_input_tokens")),
            "cache_write_1h": _count(split.get("ephemeral_1h_input_tokens")),
            "web_searches": _count(mapping(usage.get("server_tool_use")).get("web_search_requests")),
        }
    )


def _openai_usage(findings: Findings, usage: Document) -> bool:
    """Take a usage object of Chat Completions or Responses: it counts as the same answer in Anthropic's words does."""
    given = {name: value for name, value in usage.items() if value is not None}
    chat = {_CHAT_NAMES[name]: value for name, value in given.items() if name in _CHAT_NAMES} | given
    return _anthropic_usage(findings, {"usage": usage_to_anthropic(chat)})


def _has_content(chunk: Document) -> bool:
    for choice in objects(chunk.get("choices")):
        delta = mapping(choice.get("delta"))
        if any(value for name, value in delta.items() if name != "role"):
            return True
    return False


def _text(value: object, limit: int) -> str | None:
    return value[:limit] if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    """Return a token count, None for what is none: JSON knows 12.0, true, -1 and numbers beyond any database."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is int and 0 <= value <= _MAX_COUNT:
        return value
    return None
