"""Model names: families, mapping, and putting another name into a request body without touching the rest."""

import json
import re
from functools import lru_cache

from app.values import Candidate

FAMILIES = ("fable", "opus", "haiku", "sonnet")
"""Looked for in this order, as a part of the name."""

_LOCAL_SUFFIX = re.compile(r"\[[0-9a-z]+\]$", re.IGNORECASE)
_MODEL_FIRST = re.compile(rb'[ \t\n\r]*\{[ \t\n\r]*"model"[ \t\n\r]*:[ \t\n\r]*("[^"\\]*")')
_SPACE = re.compile(r"[ \t\n\r]*")
_JSON = json.JSONDecoder()


@lru_cache(maxsize=1024)
def strip_local_suffix(model: str) -> str:
    """Return the model name without a suffix that means something to the client alone, such as `[1m]`."""
    return _LOCAL_SUFFIX.sub("", model)


@lru_cache(maxsize=1024)
def model_family(model: str) -> str:
    """Return the family (`fable`, `opus`, `sonnet`, `haiku`), or the name itself when it belongs to none."""
    folded = model.lower()
    for family in FAMILIES:
        if family in folded:
            return family
    return strip_local_suffix(model)


def targets(model: str, candidate: Candidate) -> tuple[str, ...] | None:
    """Return what the account maps the model to: exact name first, then family; None when it says nothing.

    An empty tuple is the account's word that it does not serve the model.
    """
    mappings = candidate.model_mappings
    if not mappings:
        return None
    for name in (model, strip_local_suffix(model), model_family(model)):
        if name in mappings:
            return mappings[name]
    return None


def asked_models(model: str | None, candidate: Candidate, now_ms: int) -> tuple[str | None, ...]:
    """Return the names to ask the account for, in order: its targets for the model, or the model unchanged.

    A target that is cooling down is passed over while there is another.
    """
    names = targets(model, candidate) if candidate.model_mappings and model is not None else None
    if not names:
        return (model,)
    if len(names) == 1:
        return names
    cooldowns = candidate.model_cooldowns
    return tuple(name for name in names if (cooldowns.get(model_family(name)) or 0) <= now_ms) or names


def mapped_model(model: str, candidate: Candidate) -> str | None:
    """Return the name to send instead of `model`, or None when it goes up unchanged."""
    names = targets(model, candidate)
    if not names or names[0] == model:
        return None
    return names[0]


def with_model(body: bytes, model: str) -> bytes:
    """Return the body with the value of its top-level `model` replaced and every other byte as it was.

    A body that is no JSON object, or that names no model, comes back unchanged.
    """
    value = json.dumps(model, ensure_ascii=False)
    is_alone = body.count(b'"model"') == 1
    first = _MODEL_FIRST.match(body) if is_alone else None
    if first:
        return b"".join((body[: first.start(1)], value.encode(), body[first.end(1) :]))
    try:
        text = body.decode()
        spans = _model_spans(text, first_only=is_alone)
    except (ValueError, RecursionError):
        return body
    return _replaced(text, spans, value).encode()


def _replaced(text: str, spans: list[tuple[int, int]], value: str) -> str:
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        parts += (text[end:start], value)
        end = stop
    return "".join((*parts, text[end:]))


def _model_spans(text: str, *, first_only: bool) -> list[tuple[int, int]]:
    """Return where the values of the top-level `model` keys lie. Raises ValueError when `text` is no object."""
    spans: list[tuple[int, int]] = []
    at = _skip(text, text.find("{") if text.lstrip(" \t\n\r")[:1] == "{" else len(text), "{")
    while text[at : at + 1] != "}":
        key, at = _JSON.raw_decode(text, at)
        start = _skip(text, _space(text, at), ":")
        _, at = _JSON.raw_decode(text, start)
        if key == "model":
            spans.append((start, at))
            if first_only:
                break
        at = _space(text, at)
        if text[at : at + 1] == "}":
            break
        at = _skip(text, at, ",")
    return spans


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _skip(text: str, at: int, mark: str) -> int:
    """Return the place after `mark` and the white space behind it. Raises ValueError when it is not there."""
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark!r} is missing")
    return _space(text, at + 1)
