"""The table of upstreams."""

import pytest

from app.providers import PRESETS, PROVIDERS


def test_table_holds_every_mode_under_its_own_name() -> None:
    assert set(PROVIDERS) == {"max", "console", "zai", "anthropic-compatible", "openai-compatible", *PRESETS}
    assert all(name == provider.name for name, provider in PROVIDERS.items())


def test_every_mode_has_a_label_of_its_own() -> None:
    assert len({provider.label for provider in PROVIDERS.values()}) == len(PROVIDERS)


def test_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        PROVIDERS["x"] = PROVIDERS["max"]  # type: ignore[index]
