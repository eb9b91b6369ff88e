"""Models, batches, files, and what is not there."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.fakes.raw import RawClient


@pytest.fixture
def client(up: Any) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="sk-ant-api03-key", base_url=up.url, max_retries=0) as made:
        yield made


def test_models_are_paginated(client: anthropic.Anthropic) -> None:
    page = client.models.list(limit=2)
    assert page.has_more
    names = [model.id for model in page]
    assert len(names) == len(set(names)) > 4
    assert client.models.retrieve(names[0]).id == names[0]


def test_batch_ends_and_gives_its_results(client: anthropic.Anthropic) -> None:
    params = {"model": "claude-opus-4-8", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    batch = client.messages.batches.create(requests=[{"custom_id": "one", "params": params}])
    assert batch.processing_status == "in_progress"
    assert batch.results_url is None
    client.messages.batches.retrieve(batch.id)
    ended = client.messages.batches.retrieve(batch.id)
    assert ended.processing_status == "ended"
    (result,) = client.messages.batches.results(batch.id)
    assert result.custom_id == "one"
    assert result.result.message.content


def test_file_comes_back_byte_for_byte(client: anthropic.Anthropic) -> None:
    data = bytes(range(256)) * 40
    made = client.files.upload(file=("all.bin", data, "application/octet-stream"))
    assert made.size_bytes == len(data)
    assert client.files.download(made.id).read() == data
    assert [file.id for file in client.files.list()] == [made.id]


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/v1/messages", "/v1/files/none", "/else"])
def test_unknown_path_is_404_in_the_shape_of_the_api(call: Any, path: str) -> None:
    answer = call.get(path)
    assert answer.status == 404
    assert json.loads(answer.body)["error"]["type"] == "not_found_error"


def test_prefix_of_a_compatible_endpoint_is_accepted(call: Any) -> None:
    assert call.post(path="/api/anthropic/v1/messages?beta=true").status == 200


def test_old_completion_answers(call: Any) -> None:
    answer = call.post(b'{"model":"claude-2","prompt":"\\n\\nHuman: hi\\n\\nAssistant:"}', path="/v1/complete")
    assert json.loads(answer.body)["type"] == "completion"


def test_version_header_is_required(up: Any, call: Any) -> None:
    with RawClient(up.url) as line:
        line.request("POST", "/v1/messages", [("x-api-key", "k")], call.body())
        assert b"anthropic-version" in line.answer().body
