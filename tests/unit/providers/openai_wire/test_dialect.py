import pytest

from app.providers.openai_wire.dialect import GENERIC, dialect_for


@pytest.mark.parametrize(
    ("endpoint", "model", "field", "expected"),
    [
        (None, "gpt-4.1", "max_tokens", "max_completion_tokens"),
        (None, "gpt-4.1", "reasoning", "none"),
        (None, "gpt-4o-mini", "max_output", 16_384),
        (None, "gpt-5.2", "reasoning", "effort"),
        (None, "gpt-5.2", "sampling", False),
        (None, "gpt-5-chat-latest", "reasoning", "none"),
        (None, "o3-mini", "sampling", False),
        ("https://eu.api.openai.com/v1", "gpt-5.2", "sampling", False),
        ("https://openrouter.ai/api/v1", "openai/gpt-5.2", "reasoning", "object"),
        ("http://localhost:11434/v1", "qwen3", "top_k", True),
        ("http://[::1]:8000/v1", "qwen3", "top_k", True),
        ("https://api.deepseek.com", "deepseek-chat", "images", False),
    ],
)
def test_server_and_model_decide(endpoint: str | None, model: str, field: str, expected: object) -> None:
    assert getattr(dialect_for(endpoint, model), field) == expected


@pytest.mark.parametrize(
    "endpoint", ["https://llm.example/v1", "https://notopenai.com", "https://openai.com.evil.example"]
)
def test_unknown_server_gets_what_all_understand(endpoint: str) -> None:
    assert dialect_for(endpoint, "m") is GENERIC
