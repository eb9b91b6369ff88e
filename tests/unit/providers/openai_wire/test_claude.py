import pytest

from app.providers.openai_wire.claude import claude_model, sampling_fields, thinking_fields
from app.providers.openai_wire.translation import Losses


@pytest.mark.parametrize(
    ("model", "adaptive", "sampling", "limit"),
    [
        ("claude-3-haiku-20240307", False, True, 4_096),
        ("claude-3-5-sonnet-20241022", False, True, 8_192),
        ("claude-sonnet-4-20250514", False, True, 32_000),
        ("claude-haiku-4-5-20251001", False, True, 32_000),
        ("claude-opus-4-6", True, True, 32_000),
        ("claude-opus-4-8", True, False, 32_000),
        ("anthropic/claude-opus-4.7", True, False, 32_000),
        ("claude-fable-5", True, False, 32_000),
        ("claude-mythos-preview", True, False, 32_000),
        ("glm-4.6", False, True, 8_192),
    ],
)
def test_model_name_tells_what_it_takes(model: str, adaptive: bool, sampling: bool, limit: int) -> None:
    known = claude_model(model)
    assert (known.has_adaptive_thinking, known.has_sampling, known.default_max_tokens) == (adaptive, sampling, limit)


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh", "max"])
@pytest.mark.parametrize("limit", [1_000, 2_000, 64_000])
def test_budget_fits_the_limit_and_leaves_room_to_answer(effort: str, limit: int) -> None:
    fields = thinking_fields(effort, claude_model("claude-sonnet-4-5"), limit, Losses())
    if fields:
        assert 1_024 <= fields["thinking"]["budget_tokens"] <= limit * 3 // 4
    else:
        assert limit == 1_000


def test_unknown_effort_is_a_loss() -> None:
    losses = Losses()
    assert thinking_fields("extreme", claude_model("claude-opus-5"), 9_000, losses) == {}
    assert losses.listed() == ("reasoning_effort: extreme is unknown",)


def test_model_without_thinking_gets_none() -> None:
    losses = Losses()
    assert thinking_fields("high", claude_model("claude-3-haiku-20240307"), 4_096, losses) == {}
    assert losses.listed() == ("reasoning_effort",)


def test_thinking_goes_without_sampling() -> None:
    losses = Losses()
    asked = {"temperature": 0.2, "top_p": 0.9}
    assert sampling_fields(asked, claude_model("claude-sonnet-4-5"), is_thinking=True, losses=losses) == {}
    assert losses.listed() == ("temperature", "top_p")
