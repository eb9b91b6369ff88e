"""The table of upstreams: every mode that an account can have."""

from collections.abc import Mapping
from types import MappingProxyType

from app.providers.anthropic_compatible import ANTHROPIC_COMPATIBLE, PRESETS
from app.providers.anthropic_oauth import MAX
from app.providers.base import Provider
from app.providers.console import CONSOLE
from app.providers.openai_compatible import OPENAI_COMPATIBLE
from app.providers.zai import ZAI

__all__ = ["PRESETS", "PROVIDERS", "Provider"]

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        provider.name: provider
        for provider in (MAX, CONSOLE, ZAI, ANTHROPIC_COMPATIBLE, *PRESETS.values(), OPENAI_COMPATIBLE)
    }
)
"""Mode name -> provider, in the order in which forms show them."""
