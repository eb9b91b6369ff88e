import json

import anthropic
import openai
import pytest

from app.providers.openai_wire.models import model_to_anthropic, model_to_openai, models_to_anthropic, models_to_openai


def test_openai_sdk_reads_a_translated_model() -> None:
    body = model_to_openai(b'{"type":"model","id":"claude-opus-5","created_at":"2026-08-01T00:00:00Z"}')
    model = openai.types.Model.model_validate_json(body)
    assert (model.id, model.created) == ("claude-opus-5", 1_785_542_400)


def test_anthropic_sdk_reads_a_translated_model() -> None:
    told = json.loads(model_to_anthropic(b'{"id":"gpt-5","object":"model","created":1785542400}'))
    model = anthropic.types.ModelInfo.model_validate(told | {"lifecycle": "active"})
    assert (model.id, model.display_name, model.created_at.year) == ("gpt-5", "gpt-5", 2026)


def test_names_survive_the_way_there_and_back() -> None:
    there = models_to_anthropic(b'{"object":"list","data":[{"id":"a","created":5},{"id":"b","created":6}]}')
    back = json.loads(models_to_openai(there))
    assert [(model["id"], model["created"]) for model in back["data"]] == [("a", 5), ("b", 6)]
    anthropic.types.ModelInfo.model_validate(json.loads(there)["data"][0] | {"lifecycle": "active"})


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data":[1]}'])
def test_list_that_is_none_is_empty(body: bytes) -> None:
    assert json.loads(models_to_openai(body))["data"] == []
    assert json.loads(models_to_anthropic(body))["first_id"] is None


@pytest.mark.parametrize("created", [1e18, -5, "soon", None])
def test_odd_dates_do_no_harm(created: object) -> None:
    body = json.dumps({"data": [{"id": "a", "created": created, "created_at": created}]}).encode()
    assert json.loads(models_to_anthropic(body))["data"][0]["created_at"]
    assert json.loads(models_to_openai(body))["data"][0]["created"] == 0
