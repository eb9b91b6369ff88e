"""Mode `openai-compatible`: an upstream that speaks OpenAI's Chat Completions."""

import re
from dataclasses import dataclass
from typing import ClassVar

from app.providers import verdicts
from app.providers.base import KeyHeader, Provider
from app.providers.verdicts import BURST_CAP_MS, BURST_RAMP, QUOTA_RAMP, Row, Seen
from app.values import Candidate, Shape

OPENAI_PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models", "/v1/responses")
"""What goes to such an upstream as it came."""

COUNT_TOKENS = "/v1/messages/count_tokens"

_MODEL_LIMIT = re.compile(r"rate limit reached for (?!requests\b)\S+.* in organization", re.IGNORECASE)


def _is_model_limit(seen: Seen) -> bool:
    """Whether a limit names the model that it binds, as OpenAI's do."""
    return seen.status == 429 and _MODEL_LIMIT.search(seen.error.message) is not None


def _model_limit_until(seen: Seen) -> int:
    return seen.now_ms + min(seen.retry_after_ms or BURST_RAMP.base_ms, BURST_CAP_MS)


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
        Row("a model's limit is reached", _is_model_limit, "model_quota", "next", _model_limit_until, scope="model"),
        *verdicts.TABLE,
    )

    def serves(self, path: str, model: str | None, candidate: Candidate) -> bool:
        """Whether the account can be asked for this path and model."""
        is_known = path.startswith(OPENAI_PATHS) or path in ("/v1/messages", COUNT_TOKENS)
        return is_known and super().serves(path, model, candidate)

    def answers(self, path: str) -> bool:
        """Whether the upstream itself knows the path: all that it serves, but it cannot count tokens."""
        return path != COUNT_TOKENS


OPENAI_COMPATIBLE = OpenAICompatible()
