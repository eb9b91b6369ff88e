"""Model lists of one API in the shape of the other."""

from datetime import UTC, datetime

from app.providers.openai_wire.translation import Json, dumps, mapping, number, objects, parsed, text

_LATEST_S = 253_402_300_799  # 9999-12-31


def models_to_openai(body: bytes) -> bytes:
    """Return OpenAI's list for Anthropic's. Paging does not exist there: it is the page that was fetched."""
    models = objects(mapping(parsed(body)).get("data"))
    return dumps({"object": "list", "data": [_openai(model) for model in models]})


def model_to_openai(body: bytes) -> bytes:
    """Return OpenAI's model object for Anthropic's."""
    return dumps(_openai(mapping(parsed(body))))


def model_to_anthropic(body: bytes) -> bytes:
    """Return Anthropic's model object for OpenAI's."""
    return dumps(_anthropic(mapping(parsed(body))))


def models_to_anthropic(body: bytes) -> bytes:
    """Return Anthropic's list for OpenAI's."""
    models = [_anthropic(model) for model in objects(mapping(parsed(body)).get("data"))]
    ids = [model["id"] for model in models]
    answer: Json = {"data": models, "has_more": False}
    answer |= {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
    return dumps(answer)


def _openai(model: Json) -> Json:
    created = _epoch_s(text(model.get("created_at")))
    return {"id": text(model.get("id")), "object": "model", "created": created, "owned_by": "anthropic"}


def _anthropic(model: Json) -> Json:
    name = text(model.get("id"))
    created = datetime.fromtimestamp(min(number(model.get("created")) or 0, _LATEST_S), UTC)
    return {
        "type": "model",
        "id": name,
        "display_name": text(model.get("name")) or name,
        "created_at": created.isoformat().replace("+00:00", "Z"),
    }


def _epoch_s(moment: str) -> int:
    try:
        return max(0, int(datetime.fromisoformat(moment).timestamp()))
    except (ValueError, OverflowError):
        return 0
