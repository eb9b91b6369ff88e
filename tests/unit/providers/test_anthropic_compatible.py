"""Presets: where each of them is reached, and with which credential."""

import pytest

from app.providers.anthropic_compatible import ANTHROPIC_COMPATIBLE, PRESETS
from app.values import Candidate, ProxyRequest, Secret, folded

ASKED = ProxyRequest(1, 0, "POST", "/v1/messages", "/v1/messages", (), b"{}")


@pytest.mark.parametrize(
    ("name", "url", "header"),
    [
        ("alibaba-coding-plan", "https://coding-intl.dashscope.aliyuncs.com/apps/anthropic/v1/messages", "x-api-key"),
        ("deepseek", "https://api.deepseek.com/anthropic/v1/messages", "x-api-key"),
        ("kimi", "https://api.kimi.com/coding/v1/messages", "x-api-key"),
        ("minimax", "https://api.minimax.io/anthropic/v1/messages", "x-api-key"),
        ("moonshot", "https://api.moonshot.ai/anthropic/v1/messages", "authorization"),
        ("nanogpt", "https://nano-gpt.com/api/v1/messages", "x-api-key"),
        ("ollama", "http://localhost:11434/v1/messages", "x-api-key"),
        ("ollama-cloud", "https://ollama.com/v1/messages", "authorization"),
        ("openrouter", "https://openrouter.ai/api/v1/messages", "authorization"),
    ],
)
def test_preset_is_reached_at_its_address_with_its_credential(name: str, url: str, header: str) -> None:
    out = PRESETS[name].outbound(ASKED, Candidate(1, "a", name), Secret("api_key", "k"))
    assert out.url == url
    assert folded(out.headers)[header] == ("Bearer k" if header == "authorization" else "k")


def test_every_preset_is_in_the_table_of_addresses() -> None:
    marks = test_preset_is_reached_at_its_address_with_its_credential.pytestmark  # type: ignore[attr-defined]
    assert {row[0] for row in marks[0].args[1]} == set(PRESETS)


def test_any_other_must_name_its_endpoint() -> None:
    assert ANTHROPIC_COMPATIBLE.needs_endpoint
    assert not any(preset.needs_endpoint for preset in PRESETS.values())
