import base64

import pytest

from app.providers.openai_wire.responses.thought import opened, sealed


@pytest.mark.parametrize(
    "content",
    [
        None,
        "gAAAAABo",
        "ccf1.!",
        "ccf1." + base64.urlsafe_b64encode(b'{"type":"text","text":"x"}').decode(),
        "ccf1." + base64.urlsafe_b64encode(b'{"type":"thinking","thinking":"x"}').decode(),
        sealed({"type": "thinking", "thinking": "x", "signature": ""}),
    ],
    ids=["none", "foreign", "noise", "other block", "no signature", "empty signature"],
)
def test_only_signed_thinking_of_ours_is_opened(content: object) -> None:
    assert opened(content) is None


def test_redacted_thinking_survives() -> None:
    block = {"type": "redacted_thinking", "data": "xx"}
    assert opened(sealed(block)) == block


def test_fields_that_a_client_slipped_in_are_left_out() -> None:
    content = sealed({"type": "redacted_thinking", "data": "xx", "cache_control": {"type": "ephemeral"}})
    assert opened(content) == {"type": "redacted_thinking", "data": "xx"}
