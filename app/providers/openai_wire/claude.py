"""What a Claude model takes, as far as a request from an OpenAI client has to know it: thinking, sampling, size."""

import re
from dataclasses import dataclass

from app.providers.openai_wire.tables import ADAPTIVE_EFFORTS, BUDGET_OF_EFFORT
from app.providers.openai_wire.translation import Json, Losses, number

_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_BUDGET_MIN = 1_024


@dataclass(frozen=True, slots=True)
class ClaudeModel:
    """What one model takes. Source: platform.claude.com/docs, model overview and thinking, seen 2026-11.

    `default_max_tokens`: for a client that sets no limit, since the Messages API wants one.
    """

    has_adaptive_thinking: bool
    has_thinking: bool
    has_sampling: bool
    has_formats: bool
    default_max_tokens: int


def claude_model(model: str) -> ClaudeModel:
    """Return what `model` takes; a name without a version counts as a new Claude, any other as a plain server."""
    found = _VERSION.search(model)
    if found is None:
        is_claude = "claude" in model
        return ClaudeModel(is_claude, True, not is_claude, True, 32_000 if is_claude else 8_192)
    version = int(found[1]), int(found[2] or 0)
    return ClaudeModel(
        has_adaptive_thinking=version >= (4, 6),
        has_thinking=version >= (3, 7),
        has_sampling=version < (4, 7),
        has_formats=version >= (4, 5) or (version == (4, 1) and "opus" in model),
        default_max_tokens=4_096 if version < (3, 5) else 8_192 if version < (3, 7) else 32_000,
    )


def thinking_fields(effort: str, model: ClaudeModel, max_tokens: int, losses: Losses) -> Json:
    """Return `thinking` and `output_config` for a reasoning effort; nothing where the model's default holds."""
    if not effort:
        return {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    if effort not in BUDGET_OF_EFFORT or not model.has_thinking:
        losses.add(f"reasoning_effort: {effort} is unknown" if model.has_thinking else "reasoning_effort")
        return {}
    if model.has_adaptive_thinking:
        if effort not in ADAPTIVE_EFFORTS.values():
            losses.add(f"reasoning_effort: {effort} sent as {ADAPTIVE_EFFORTS[effort]}")
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": ADAPTIVE_EFFORTS[effort]}}
    # The limit counts thinking and answer together, on both sides: a quarter at least is left to the answer.
    budget = min(BUDGET_OF_EFFORT[effort], max_tokens * 3 // 4)
    if budget < _BUDGET_MIN:
        losses.add("reasoning_effort: the token limit leaves no room for thinking")
        return {}
    losses.add("reasoning_effort: sent as a thinking budget")
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def sampling_fields(asked: Json, model: ClaudeModel, *, is_thinking: bool, losses: Losses) -> Json:
    """Return `temperature` and `top_p` as far as the model takes them."""
    fields: Json = {}
    temperature, top_p = asked.get("temperature"), asked.get("top_p")
    if temperature is not None and temperature != 1:
        if not model.has_sampling or is_thinking or number(temperature) is None:
            losses.add("temperature")
        else:
            fields["temperature"] = min(temperature, 1)
            if temperature > 1:
                losses.add("temperature: 1 is the highest")
    if top_p is not None and top_p != 1:
        if not model.has_sampling or is_thinking or "temperature" in fields or number(top_p) is None:
            losses.add("top_p")
        else:
            fields["top_p"] = top_p
    return fields
