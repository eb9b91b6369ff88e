import pytest

from app.providers.openai_wire.account.delta import matched_stop, read_said, stop_fields, stop_reason
from app.providers.openai_wire.translation import Losses


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm."}]},
        {"reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]},
        {"content": [{"type": "thinking", "thinking": "Hm."}]},
    ],
)
def test_thinking_is_found_once_in_every_spelling(message: dict[str, object]) -> None:
    assert read_said(message, Losses()).thought == "Hm."


def test_what_has_no_place_is_a_loss() -> None:
    losses = Losses()
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    read_said({"audio": {"id": "a"}, "annotations": [{}], "reasoning_details": details}, losses)
    assert losses.listed() == ("reasoning.encrypted", "audio", "annotations")


def test_old_function_call_is_a_call() -> None:
    [call] = read_said({"function_call": {"name": "f", "arguments": "{}"}}, Losses()).calls
    assert (call.index, call.name, call.arguments) == (0, "f", "{}")


@pytest.mark.parametrize(
    ("finish", "has_calls", "has_refusal", "expected"),
    [
        ("stop", False, False, "end_turn"),
        ("stop", True, False, "tool_use"),
        ("", True, False, "tool_use"),
        ("tool_calls", False, False, "end_turn"),
        ("length", True, False, "max_tokens"),
        ("stop", False, True, "refusal"),
        ("content_filter", False, False, "refusal"),
        ("model_length", False, False, "model_context_window_exceeded"),
    ],
)
def test_finish_reason_and_content_tell_the_stop_reason(
    finish: str, has_calls: bool, has_refusal: bool, expected: str
) -> None:
    reason = stop_reason(finish, has_calls=has_calls, has_refusal=has_refusal, losses=Losses())
    assert reason == expected


def test_stop_sequence_counts_only_for_an_answer_that_ended() -> None:
    assert matched_stop({"stop_reason": 151645}) is None
    assert stop_fields("end_turn", "", "END")["stop_reason"] == "stop_sequence"
    assert stop_fields("max_tokens", "", "END")["stop_sequence"] is None
