"""Mode `openai-compatible`: an upstream that speaks OpenAI's Chat Completions."""

from dataclasses import dataclass
from typing import ClassVar

from app.providers import verdicts
from app.providers.base import KeyHeader, Provider, Shape
from app.providers.verdicts import QUOTA_RAMP, Row, Seen
from app.values import Candidate

OPENAI_PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models", "/v1/responses")
"""What goes to such an upstream as it came."""


def _is_out_of_money(seen: Seen) -> bool:
    return seen.status == 429 and "insufficient_quota" in (seen.error.code, seen.error.type)


@dataclass(frozen=True)
class OpenAICompatible(Provider):
    """An OpenAI-shaped API: a Bearer key, limits told in `x-ratelimit-*`."""

    name: str = "openai-compatible"
    label: str = "Any OpenAI-compatible API"
    base_url: str = "https://api.openai.com"
    key_header: KeyHeader = "bearer"
    shape: Shape = "openai"

    rows: ClassVar[tuple[Row, ...]] = (
        Row("the credit is spent", _is_out_of_money, "quota", "next", ramp=QUOTA_RAMP),
        *verdicts.TABLE,
    )

    def serves(self, path: str, model: str | None, candidate: Candidate) -> bool:
        """Whether the account can be asked for this path and model."""
        return path.startswith(OPENAI_PATHS) and super().serves(path, model, candidate)


OPENAI_COMPATIBLE = OpenAICompatible()
