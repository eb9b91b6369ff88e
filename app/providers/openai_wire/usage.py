"""Token counts of one API in the terms of the other; cached tokens are counted once.

Anthropic's `input_tokens` excludes cached tokens, OpenAI's `prompt_tokens` includes them.
"""

from app.providers.openai_wire.translation import Json, mapping, number


def usage_to_anthropic(usage: Json) -> Json:
    """Return Anthropic's usage for a Chat Completions usage; a class that was not reported is left out."""
    details = mapping(usage.get("prompt_tokens_details"))
    prompt = number(usage.get("prompt_tokens"))
    read = _first(details.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens"))
    written = _first(details.get("cache_write_tokens"), details.get("cache_creation_input_tokens"))
    answer: Json = {}
    if prompt is not None:
        answer["input_tokens"] = max(0, prompt - (read or 0) - (written or 0))
    if written is not None:
        answer["cache_creation_input_tokens"] = written
    if read is not None:
        answer["cache_read_input_tokens"] = read
    output, reasoning = _output(usage, prompt)
    if output is not None:
        answer["output_tokens"] = output
    if reasoning is not None:
        answer["output_tokens_details"] = {"thinking_tokens": reasoning}
    return answer


def merged(usage: Json, later: Json) -> Json:
    """Return a stream's usage with what a later event tells; a null tells nothing."""
    return usage | {name: count for name, count in later.items() if count is not None}


def usage_to_chat(usage: Json) -> Json:
    """Return Chat Completions' usage for Anthropic's."""
    prompt, read, written = _prompt(usage)
    output = number(usage.get("output_tokens")) or 0
    answer: Json = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    details = _given(cached_tokens=read, cache_write_tokens=written)
    if details:
        answer["prompt_tokens_details"] = details
    thinking = _thinking(usage)
    if thinking is not None:
        answer["completion_tokens_details"] = {"reasoning_tokens": thinking}
    return answer


def usage_to_responses(usage: Json) -> Json:
    """Return the Responses API's usage for Anthropic's; its fields are all mandatory there."""
    prompt, read, written = _prompt(usage)
    output = number(usage.get("output_tokens")) or 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": read or 0, "cache_write_tokens": written or 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": _thinking(usage) or 0},
        "total_tokens": prompt + output,
    }


def _prompt(usage: Json) -> tuple[int, int | None, int | None]:
    read = number(usage.get("cache_read_input_tokens"))
    written = number(usage.get("cache_creation_input_tokens"))
    return (number(usage.get("input_tokens")) or 0) + (read or 0) + (written or 0), read, written


def _thinking(usage: Json) -> int | None:
    return number(mapping(usage.get("output_tokens_details")).get("thinking_tokens"))


def _output(usage: Json, prompt: int | None) -> tuple[int | None, int | None]:
    """Return (output with reasoning, reasoning). Some servers leave reasoning out of completion_tokens."""
    output = number(usage.get("completion_tokens"))
    reasoning = number(mapping(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    total = number(usage.get("total_tokens"))
    if output is not None and prompt is not None and reasoning and total == prompt + output + reasoning:
        output += reasoning
    return output, reasoning


def _first(*values: object) -> int | None:
    return next((found for value in values if (found := number(value)) is not None), None)


def _given(**counts: int | None) -> Json:
    return {name: count for name, count in counts.items() if count is not None}
