import pytest

from app.providers.openai_wire.responses.items import custom_input, item_id, response_id, response_object

HEAD = {"id": "resp_1", "created_at": 1, "model": "m"}


@pytest.mark.parametrize(
    ("stop_reason", "status", "reason"),
    [
        (None, "in_progress", None),
        ("end_turn", "completed", None),
        ("tool_use", "completed", None),
        ("pause_turn", "completed", None),
        ("max_tokens", "incomplete", "max_output_tokens"),
        ("model_context_window_exceeded", "incomplete", "max_output_tokens"),
        ("refusal", "incomplete", "content_filter"),
    ],
)
def test_stop_reason_tells_the_status(stop_reason: str | None, status: str, reason: str | None) -> None:
    response = response_object(HEAD, {}, [], stop_reason)
    assert response["status"] == status
    assert (response["incomplete_details"] or {}).get("reason") == reason


def test_ids_show_the_message() -> None:
    assert response_id({"id": "msg_01X"}) == "resp_01X"
    assert item_id("resp_01X", "function", 2) == "fc_01X_2"


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"input": "a\nb"}, "a\nb"), ('{"input":"a"}', "a"), ("", ""), ('{"input":"cut', '{"input":"cut'), ({"x": 1}, "")],
)
def test_free_text_is_taken_out_of_its_arguments(given: object, expected: str) -> None:
    assert custom_input(given) == expected  # type: ignore[arg-type]
