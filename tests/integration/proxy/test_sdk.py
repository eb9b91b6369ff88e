"""Anthropic's own SDK through the proxy: sync, async, streams, tools, counting, errors, retries."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anthropic
import pytest
from anthropic.types import TextBlock

from tests.fakes.upstream import (
    Upstream,
    cut,
    first_event_error,
    limited,
    message,
    mid_stream_error,
    overloaded,
    status,
)
from tests.integration.calls import MODEL
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server

ASKED: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Say héllo to 🍵"}],
}
WEATHER = {
    "name": "weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
def pool(installation: Installation, upstream: Upstream) -> None:
    """Two accounts without a past; `a` comes first."""
    installation.ensure_accounts("a", "b")


@pytest.fixture
def client(server: Server, pool: None) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="sk-ant-own", base_url=server.url, max_retries=0) as made:
        yield made


def text_of(answer: anthropic.types.Message) -> str:
    """Return the text of an answer."""
    return "".join(block.text for block in answer.content if isinstance(block, TextBlock))


def test_message(client: anthropic.Anthropic, upstream: Upstream) -> None:
    answer = client.messages.create(**ASKED)
    (seen,) = upstream.requests()
    assert answer.to_dict() == json.loads(seen.answer_body)
    assert "Say héllo to 🍵" in text_of(answer)
    assert seen.credential == key_of("a")


def test_log_in_instead_of_a_key(server: Server, pool: None, upstream: Upstream) -> None:
    with anthropic.Anthropic(auth_token="sk-ant-oat01-own", api_key=None, base_url=server.url) as client:
        assert client.messages.create(**ASKED).stop_reason == "end_turn"
    (seen,) = upstream.requests()
    assert (seen.header("x-api-key"), seen.header("authorization")) == (key_of("a"), None)


def test_raw_stream(client: anthropic.Anthropic) -> None:
    kinds = [event.type for event in client.messages.create(**ASKED, stream=True)]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]


def test_stream_helper(client: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.script(key_of("a"), message(text="Grüße aus Zürich 🍵 " * 9, thinking="Let me see.", chunk="split-utf8"))
    with client.messages.stream(**ASKED) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == "Grüße aus Zürich 🍵 " * 9 == text_of(final)
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.usage.output_tokens > 3


def test_tools_loop(client: anthropic.Anthropic) -> None:
    messages: list[Any] = [{"role": "user", "content": "use weather please"}]
    with client.messages.stream(model=MODEL, max_tokens=99, messages=messages, tools=[WEATHER]) as stream:
        first = stream.get_final_message()
    (call,) = [block for block in first.content if block.type == "tool_use"]
    assert (first.stop_reason, call.name, call.input) == ("tool_use", "weather", {"city": "Zürich"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "Rain."}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = client.messages.create(model=MODEL, max_tokens=99, messages=messages, tools=[WEATHER])
    assert second.stop_reason == "end_turn"


def test_counting_and_models(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=ASKED["messages"])
    assert counted.input_tokens > 0
    assert len([model.id for model in client.models.list(limit=2)]) == 6
    assert client.models.retrieve(MODEL).display_name == "Claude Sonnet 4.6"


def test_batches_and_files(client: anthropic.Anthropic) -> None:
    made = client.messages.batches.create(requests=[{"custom_id": "one", "params": ASKED}])  # type: ignore[typeddict-item]
    client.messages.batches.retrieve(made.id)
    results = list(client.messages.batches.results(made.id))
    assert [(one.custom_id, one.result.type) for one in results] == [("one", "succeeded")]
    content = bytes(range(256)) * 300
    uploaded = client.beta.files.upload(file=("x.bin", content, "application/octet-stream"))
    assert client.beta.files.download(uploaded.id).read() is not None
    client.beta.files.delete(uploaded.id)


def test_response_headers_are_the_upstreams(client: anthropic.Anthropic) -> None:
    answer = client.messages.with_raw_response.create(**ASKED)
    assert answer.headers["request-id"].startswith("req_011CFake")
    assert answer.headers["x-ccflare-request-id"].startswith("req_")
    assert answer.parse()._request_id == answer.headers["request-id"]


ERRORS = {
    400: anthropic.BadRequestError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    413: anthropic.RequestTooLargeError,
    422: anthropic.UnprocessableEntityError,
    529: anthropic.OverloadedError,
    500: anthropic.InternalServerError,
}


@pytest.mark.parametrize(("code", "kind"), ERRORS.items())
def test_errors_are_the_sdks_own(client: anthropic.Anthropic, upstream: Upstream, code: int, kind: type) -> None:
    upstream.script("*", status(code), forever=True)
    with pytest.raises(kind) as caught:
        client.messages.create(**ASKED)
    assert caught.value.status_code == code
    assert caught.value.body["error"]["type"]


def test_nobody_left_is_a_rate_limit(client: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.script("*", limited("5h", reset_in_s=900), forever=True)
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**ASKED)
    assert "No account can serve this request now." in caught.value.message
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_own_errors_are_the_sdks_own(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(default_headers={"X-Forwarded-For": "1.2.3.4"}).messages.create(**ASKED)
    with pytest.raises(anthropic.PermissionDeniedError):
        client.with_options(default_headers={"x-ccflare-account": "b"}).messages.create(**ASKED)


def test_retries_of_the_sdk_find_an_account_that_is_back(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a")
    upstream.script(key_of("a"), limited("retry-after", reset_in_s=1))
    with anthropic.Anthropic(api_key="own", base_url=server.url, max_retries=4) as client:
        assert client.messages.create(**ASKED).stop_reason == "end_turn"
    assert [seen.status for seen in upstream.requests()][-1] == 200


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_trouble_of_an_account_is_never_seen(client: anthropic.Anthropic, upstream: Upstream, stream: bool) -> None:
    upstream.script(key_of("a"), first_event_error() if stream else overloaded(), forever=True)
    if stream:
        with client.messages.stream(**ASKED) as events:
            assert events.get_final_message().stop_reason == "end_turn"
    else:
        assert client.messages.create(**ASKED).stop_reason == "end_turn"


def test_broken_streams_raise(client: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.script(key_of("a"), [cut(5, events=9), mid_stream_error(5, events=9)])
    with client.messages.stream(**ASKED) as stream, pytest.raises(Exception, match="incomplete chunked read"):
        stream.get_final_message()
    with client.messages.stream(**ASKED) as stream, pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        stream.get_final_message()


T = TypeVar("T")


def apart(work: Coroutine[Any, Any, T]) -> T:
    """Run on a thread of its own: this one may have the event loop of a browser."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def test_async_client_side_by_side(server: Server, pool: None, upstream: Upstream) -> None:
    upstream.script("*", message(events=12, event_delay_s=0.01), forever=True)

    async def ask_all() -> list[str]:
        async with anthropic.AsyncAnthropic(api_key="own", base_url=server.url, max_retries=0) as client:

            async def ask(number: int) -> str:
                prompt = [{"role": "user", "content": f"number {number} of many"}]
                async with client.messages.stream(model=MODEL, max_tokens=9, messages=prompt) as stream:  # type: ignore[arg-type]
                    return text_of(await stream.get_final_message())

            return await asyncio.gather(*(ask(number) for number in range(30)))

    texts = apart(ask_all())
    assert all(f"number {number} of many" in text for number, text in enumerate(texts))


def test_async_client_that_leaves_early_is_noticed(
    server: Server, pool: None, upstream: Upstream, raw: Callable[[], Any]
) -> None:
    upstream.script("*", message(events=1000, event_delay_s=0.02), forever=True)

    async def leave() -> None:
        client = anthropic.AsyncAnthropic(api_key="own", base_url=server.url)
        async with client, client.messages.stream(**ASKED) as stream:
            async for _ in stream:
                break

    apart(leave())
    upstream.wait_until_peer_closed()
