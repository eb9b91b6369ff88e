from hypothesis import given
from hypothesis import strategies as st

from app.providers.openai_wire.usage import merged, usage_to_anthropic, usage_to_chat, usage_to_responses

COUNTS = st.integers(0, 10**9)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_usage_survives_the_way_there_and_back(fresh: int, read: int, written: int, output: int, thought: int) -> None:
    usage = {"input_tokens": fresh, "cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    usage |= {"output_tokens": output + thought, "output_tokens_details": {"thinking_tokens": thought}}  # type: ignore[dict-item]
    chat = usage_to_chat(usage)
    assert chat["total_tokens"] == fresh + read + written + output + thought
    assert usage_to_anthropic(chat) == usage
    assert usage_to_responses(usage)["total_tokens"] == chat["total_tokens"]


def test_class_that_was_not_reported_is_left_out() -> None:
    assert usage_to_anthropic({}) == {}
    assert usage_to_anthropic({"prompt_tokens": 3}) == {"input_tokens": 3}


def test_cache_hits_of_deepseek_are_read() -> None:
    usage = {"prompt_tokens": 10, "prompt_cache_hit_tokens": 4, "completion_tokens": 1}
    assert usage_to_anthropic(usage) == {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 1}


def test_more_cached_than_prompt_tokens_never_go_below_zero() -> None:
    assert usage_to_anthropic({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4}})["input_tokens"] == 0


def test_null_of_a_later_event_keeps_what_is_known() -> None:
    later = {"input_tokens": None, "output_tokens": 7}
    assert merged({"input_tokens": 5, "output_tokens": 1}, later) == {"input_tokens": 5, "output_tokens": 7}
