"""Tokens that exist already, in the shapes in which they lie around."""

import json
from pathlib import Path

import pytest

from app.accounts.imports import claude_code, tokens_of
from app.errors import InvalidInput, NotFound
from app.values import TokenPair

LOGIN = {
    "accessToken": "sk-ant-oat01-a",
    "refreshToken": "sk-ant-ort01-b",
    "expiresAt": 1_999_999_999_999,
    "scopes": ["user:inference", "user:profile"],
    "subscriptionType": "max",
    "rateLimitTier": "default_claude_max_20x",
}


def test_login_file_of_claude_code_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / ".credentials.json"
    file.write_text(json.dumps({"claudeAiOauth": LOGIN, "mcpOAuth": {}}))
    before = file.read_bytes()
    found = claude_code(file)
    assert found.tokens == TokenPair(
        "sk-ant-oat01-a", "sk-ant-ort01-b", 1_999_999_999_999, "user:inference user:profile"
    )
    assert (found.path, found.subscription) == (str(file), "max")
    assert file.read_bytes() == before


def test_login_file_is_looked_for_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": LOGIN}))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert claude_code().tokens.access_token == "sk-ant-oat01-a"


def test_login_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.json"):
        claude_code(tmp_path / "nowhere.json")


def test_login_file_without_a_login_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"claudeAiOauth": null}')
    with pytest.raises(InvalidInput, match="neither"):
        claude_code(tmp_path / "c.json")


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        pytest.param(
            '{"access_token":"a","refresh_token":"b","expires_at":1999999999999}',
            TokenPair("a", "b", 1_999_999_999_999),
            id="as documented",
        ),
        pytest.param(
            '{"access_token":"a","refresh_token":"b","expires_at":1999999999}',
            TokenPair("a", "b", 1_999_999_999_000),
            id="seconds",
        ),
        pytest.param('{"access_token":"a"}', TokenPair("a", None, None), id="access token alone"),
        pytest.param('{"refresh_token":"b"}', TokenPair("", "b", 1), id="refresh token alone"),
        pytest.param('{"accessToken":"a","refreshToken":null}', TokenPair("a", None, None), id="camel case"),
        pytest.param(json.dumps({"claudeAiOauth": {"accessToken": "a"}}), TokenPair("a", None, None), id="wrapped"),
    ],
)
def test_tokens_are_read_tolerantly(text: str, pair: TokenPair) -> None:
    assert tokens_of(text) == pair


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-ant-oat01-a",
        "[]",
        "{}",
        '{"access_token":7}',
        '{"access_token":"a b\\n"}',
        '{"access_token":"a","expires_at":"soon"}',
        '{"access_token":"a","expires_at":true}',
        '{"access_token":"a","expires_at":1e400}',
        '{"access_token":"a","expires_at":NaN}',
        '{"access_token":"a","expires_at":253402300800000}',
        "[" * 100_000,
    ],
)
def test_other_text_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        tokens_of(text)
    assert "sk-ant" not in str(refused.value)
