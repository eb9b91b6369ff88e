"""What one OpenAI-compatible server understands beyond, or short of, the common Chat Completions API."""

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

Reasoning = Literal["effort", "object", "none"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences between servers that a translated request has to respect.

    `max_tokens`: the field's name. `reasoning`: how effort is asked for: `reasoning_effort`, OpenRouter's
    `reasoning` object, or not at all. `thinking`: the field of an assistant turn that takes earlier
    reasoning, None when the server refuses one. `sampling`: temperature, top_p and stop are accepted.
    `max_output`: the highest limit that the model accepts, where a higher one is refused.
    """

    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    reasoning: Reasoning = "effort"
    thinking: Literal["reasoning_content", "reasoning_details"] | None = "reasoning_content"
    top_k: bool = False
    cache_control: bool = False
    sampling: bool = True
    images: bool = True
    files: bool = True
    max_stops: int | None = None
    max_output: int | None = None
    max_tool_name: int = 64
    efforts: tuple[str, ...] = ("low", "medium", "high")


GENERIC = Dialect()
_OPENAI = Dialect(
    max_tokens="max_completion_tokens",
    thinking=None,
    max_stops=4,
    efforts=("low", "medium", "high", "xhigh"),
)
_OPENROUTER = Dialect(
    reasoning="object",
    thinking="reasoning_details",
    top_k=True,
    cache_control=True,
    efforts=("low", "medium", "high", "xhigh", "max"),
)
_LOCAL = Dialect(top_k=True, files=False)
_HOSTS: tuple[tuple[str, Dialect], ...] = (
    ("openai.com", _OPENAI),
    ("openai.azure.com", _OPENAI),
    ("openrouter.ai", _OPENROUTER),
    ("deepseek.com", Dialect(images=False, files=False)),
    ("x.ai", Dialect(thinking=None, files=False, efforts=("low", "high"))),
    ("groq.com", Dialect(max_tokens="max_completion_tokens", thinking=None, files=False, max_stops=4)),
    ("mistral.ai", Dialect(reasoning="none", thinking=None, files=False)),
    ("together.xyz", Dialect(top_k=True, files=False)),
    ("fireworks.ai", Dialect(top_k=True, files=False)),
    ("deepinfra.com", Dialect(top_k=True, files=False)),
    ("dashscope.aliyuncs.com", Dialect(top_k=True, cache_control=True, files=False)),
    ("localhost", _LOCAL),
    ("127.0.0.1", _LOCAL),
    ("::1", _LOCAL),
)
_REASONING_MODEL = re.compile(r"(?:^|/)(?:o\d|gpt-(?:[5-9]|\d\d)|codex)(?!.*-chat)")

_MAX_OUTPUT: tuple[tuple[str, int], ...] = (
    ("gpt-3.5", 4_096),
    ("gpt-4-turbo", 4_096),
    ("gpt-4o", 16_384),
    ("chatgpt-4o", 16_384),
    ("gpt-4.1", 32_768),
    ("gpt-4.5", 16_384),
    ("gpt-4", 8_192),
)
"""Agents ask for more than OpenAI's older models give, and those refuse it. Source: OpenAI's model pages."""


def dialect_for(endpoint: str | None, model: str) -> Dialect:
    """Return the dialect of the server behind `endpoint` (None: OpenAI's own) for one of its models."""
    host = (urlsplit(endpoint).hostname or "") if endpoint else "api.openai.com"
    dialect = next((found for name, found in _HOSTS if host == name or host.endswith(f".{name}")), GENERIC)
    if dialect is not _OPENAI:
        return dialect
    if _REASONING_MODEL.search(model):
        return replace(dialect, sampling=False)
    ceiling = next((limit for name, limit in _MAX_OUTPUT if model.startswith(name)), None)
    return replace(dialect, reasoning="none", max_output=ceiling)
