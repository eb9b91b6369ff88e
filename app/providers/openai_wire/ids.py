"""Identifiers that one API allows and the other refuses."""

import re

from app.providers.openai_wire.translation import Json, Losses, fingerprint, text

_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]")
_OPAQUE = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{1,256}")


def safe_call_id(call_id: str) -> str:
    """Return a tool call's id in the letters that the Messages API takes; the same id always gives the same."""
    if _CALL_ID.fullmatch(call_id):
        return call_id
    return f"{_NOT_IN_AN_ID.sub('_', call_id)[:40]}_{fingerprint(call_id, length=12)}"


def is_tool_name(name: str) -> bool:
    """Whether the Messages API takes this name for a tool."""
    return _TOOL_NAME.fullmatch(name) is not None


def metadata_of(asked: Json, losses: Losses) -> Json:
    """Return `metadata` for OpenAI's `safety_identifier` or `user`; one that may name a person is hashed."""
    user = text(asked.get("safety_identifier")) or text(asked.get("user"))
    if not user:
        return {}
    if not _OPAQUE.fullmatch(user):
        losses.add("user: sent as its SHA-256")
        user = fingerprint(user, length=64)
    return {"metadata": {"user_id": user}}
