import json

from app.providers.openai_wire.account.request import messages_to_chat


def test_model_is_the_target_whatever_the_client_named() -> None:
    assert json.loads(messages_to_chat(b'{"model":"claude","messages":[]}', "target").body)["model"] == "target"


def test_odd_fields_do_no_harm() -> None:
    asked = {
        "messages": [1, {"role": "user"}, {"role": "user", "content": [None, {"type": 7}, {"type": "text"}]}],
        "system": 5, "tools": "x", "tool_choice": [], "metadata": 1, "stop_sequences": "END", "max_tokens": "many",
        "thinking": "yes", "output_config": 3, "stream": "true",
    }  # fmt: skip
    chat = json.loads(messages_to_chat(json.dumps(asked).encode(), "m").body)
    assert chat == {"model": "m", "messages": [{"role": "user", "content": ""}, {"role": "user", "content": ""}]}


def test_translation_is_the_same_each_time() -> None:
    asked = b'{"messages":[{"role":"user","content":"hi"}],"metadata":{"user_id":"a b"}}'
    assert messages_to_chat(asked, "m") == messages_to_chat(asked, "m")
