import pytest

from app.providers.openai_wire.account.blocks import as_text, is_text, user_parts
from app.providers.openai_wire.dialect import GENERIC, dialect_for
from app.providers.openai_wire.translation import Losses


def test_cache_mark_goes_up_where_it_is_known() -> None:
    block = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    [part] = user_parts([block], dialect_for("https://openrouter.ai/api/v1", "m"), Losses())
    assert part["cache_control"] == {"type": "ephemeral"}
    losses = Losses()
    [plain] = user_parts([block], GENERIC, losses)
    assert "cache_control" not in plain
    assert losses.listed() == ("cache_control",)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"type": "compaction", "content": "So far."}, "So far."),
        ({"type": "tool_reference", "tool_name": "f"}, "f"),
        ({"type": "browser_state", "tabs": []}, '{"tabs":[]}'),
    ],
)
def test_block_of_words_is_told_in_words(block: dict[str, object], said: str) -> None:
    losses = Losses()
    assert as_text(block, losses) == said
    assert losses.listed() == ()


def test_unknown_block_is_a_loss() -> None:
    losses = Losses()
    assert as_text({"type": "container_upload", "file_id": "f"}, losses) == ""
    assert losses.listed() == ("messages.container_upload",)


def test_empty_text_is_no_text() -> None:
    assert not is_text({"type": "text", "text": ""})
