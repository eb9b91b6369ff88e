"""Mode `console`: an API key of Anthropic."""

from app.providers.console import CONSOLE


def test_console_uses_a_key_that_a_log_in_may_make() -> None:
    assert (CONSOLE.oauth, CONSOLE.secret_kind, CONSOLE.key_header) == (True, "api_key", "x-api-key")
    assert CONSOLE.base_url == "https://api.anthropic.com"
    assert not CONSOLE.holds_window
