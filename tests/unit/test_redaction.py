"""Credentials leave any text; all else stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.redaction import redact
from tests.unit.canaries import CANARY, SECRETS


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_secret_is_replaced(text: str) -> None:
    assert CANARY not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "account work: 429 quota until 1790000000000, next is home",
        "GET /v1/messages?beta=true 200",
        "input_tokens=12 output_tokens=900 max_tokens=64000",
        "status code: 404",
        "https://api.anthropic.com/v1/messages",
        "ccflare 1.0 on http://127.0.0.1:8080",
        '{"type": "error", "error": {"type": "overloaded_error"}}',
        "task-force risk-averse",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    assert redact(f"a=1&refresh_token={CANARY}&b=2") == "a=1&refresh_token=***&b=2"
    assert redact(f'{{"a": 1, "access_token": "{CANARY}", "b": 2}}') == '{"a": 1, "access_token": "***", "b": 2}'


@given(st.text(max_size=200))
def test_redaction_of_a_redacted_text_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


def test_very_long_text_is_redacted_too() -> None:
    assert CANARY not in redact("a" * 200_000 + f" sk-ant-{CANARY} " + "b-" * 100_000)
