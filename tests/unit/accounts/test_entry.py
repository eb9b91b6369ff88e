"""What an operator enters of an account."""

import pytest

from app.accounts.entry import NewAccount, checked_credential, checked_key, checked_priority, checked_reason
from app.errors import InvalidInput
from app.providers import PROVIDERS, Provider
from app.values import TokenPair

KEY = "sk-ant-api03-x"
TOKENS = TokenPair("at", "rt", None)
LOG_IN_ONLY = PROVIDERS["max"]
KEY_OR_LOG_IN = PROVIDERS["console"]
KEY_ONLY = PROVIDERS["zai"]
KEYLESS = next(one for one in PROVIDERS.values() if not one.needs_secret)


@pytest.mark.parametrize("priority", [0, 1, 100])
def test_priority_within_its_bounds_is_taken(priority: int) -> None:
    assert checked_priority(priority) == priority


@pytest.mark.parametrize("priority", [-1, 101])
def test_priority_beyond_its_bounds_is_refused_by_name(priority: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_priority(priority)
    assert set(caught.value.details) == {"priority"}


def test_key_loses_the_blanks_around_it() -> None:
    assert checked_key(f"  {KEY}\n") == KEY
    assert checked_key("k" * 4096) == "k" * 4096


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" \n", id="blanks alone"),
        pytest.param("a b", id="blank inside"),
        pytest.param("a\nb", id="line break inside"),
        pytest.param("a\x00b", id="control character"),
        pytest.param("schlüssel", id="not ASCII"),
        pytest.param("k" * 4097, id="too long"),
    ],
)
def test_text_that_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_key(text)
    assert set(caught.value.details) == {"api_key"}
    assert not text.strip() or text not in caught.value.message


@pytest.mark.parametrize(
    ("provider", "key", "tokens", "credential"),
    [
        pytest.param(KEY_ONLY, f" {KEY} ", None, KEY, id="key"),
        pytest.param(KEY_OR_LOG_IN, KEY, None, KEY, id="key where a log-in would do"),
        pytest.param(LOG_IN_ONLY, None, TOKENS, None, id="tokens"),
        pytest.param(KEYLESS, None, None, None, id="nothing where nothing is needed"),
        pytest.param(KEYLESS, KEY, None, KEY, id="key where none is needed"),
    ],
)
def test_credential_that_suits_the_mode_is_taken(
    provider: Provider, key: str | None, tokens: TokenPair | None, credential: str | None
) -> None:
    assert checked_credential(provider, NewAccount("work", provider.name, key, tokens)) == credential


@pytest.mark.parametrize(
    ("provider", "key", "tokens", "field"),
    [
        pytest.param(KEY_ONLY, None, TOKENS, "tokens", id="tokens for a mode with keys"),
        pytest.param(KEY_OR_LOG_IN, None, TOKENS, "tokens", id="tokens for a mode that makes a key of a log-in"),
        pytest.param(LOG_IN_ONLY, KEY, TOKENS, "api_key", id="both"),
        pytest.param(LOG_IN_ONLY, KEY, None, "tokens", id="key for a mode with log-ins"),
        pytest.param(LOG_IN_ONLY, None, None, "tokens", id="no log-in"),
        pytest.param(KEY_ONLY, None, None, "api_key", id="no key"),
        pytest.param(KEYLESS, "a b", None, "api_key", id="wrong key where none is needed"),
    ],
)
def test_credential_that_does_not_suit_the_mode_is_refused(
    provider: Provider, key: str | None, tokens: TokenPair | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_credential(provider, NewAccount("work", provider.name, key, tokens))
    assert set(caught.value.details) == {field}


@pytest.mark.parametrize(
    ("reason", "kept"), [(None, None), ("", None), ("  ", None), (" on leave ", "on leave"), ("x" * 500, "x" * 500)]
)
def test_reason_is_kept_when_something_was_said(reason: str | None, kept: str | None) -> None:
    assert checked_reason(reason) == kept


@pytest.mark.parametrize("reason", ["x" * 501, "a\nb", "a\x1b[31m"], ids=["too long", "two lines", "escape"])
def test_reason_that_cannot_be_shown_is_refused(reason: str) -> None:
    with pytest.raises(InvalidInput, match="reason"):
        checked_reason(reason)


def test_new_account_never_prints_its_credentials() -> None:
    shown = repr(NewAccount("work", "max", "sk-secret", TokenPair("at-secret", "rt-secret", None)))
    assert "secret" not in shown
