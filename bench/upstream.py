"""The instant upstream: a small asyncio server that answers `/v1/messages?case=NAME` as the Messages API would look.

Cases: `json`, `limits` (json with rate-limit headers), `stream` (50 events in one write), `paced` (`n` events, one
every `ms`, each with the time it was sent), `idle` (one event, then silence until somebody asks for `/release`).
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

EVENTS = 50
_ANSWER = json.dumps(
    {
        "id": "msg_01BenchBenchBenchBench",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "A short answer, as short as most of them are not."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 812, "cache_read_input_tokens": 4096, "output_tokens": 14},
    }
).encode()
_LIMITS = "".join(
    f"anthropic-ratelimit-{kind}-limit: 400000\r\n"
    f"anthropic-ratelimit-{kind}-remaining: 399000\r\n"
    f"anthropic-ratelimit-{kind}-reset: {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 600))}\r\n"
    for kind in ("requests", "tokens", "input-tokens", "output-tokens")
)
_START = {
    "type": "message_start",
    "message": {
        "id": "msg_01BenchBenchBenchBench",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [],
        "usage": {"input_tokens": 812, "cache_read_input_tokens": 4096, "output_tokens": 1},
    },
}
_STOP = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 140}}


def chunk(body: bytes) -> bytes:
    """Frame bytes as one chunk of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def event(payload: Mapping[str, object]) -> bytes:
    """Write one server-sent event, in a chunk of its own."""
    return chunk(f"event: {payload['type']}\ndata: {json.dumps(payload)}\n\n".encode())


def delta(text: str) -> bytes:
    """Write one event that carries `text`."""
    return event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})


def _head(kind: str, extra: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nrequest-id: req_bench\r\nserver: bench\r\n{extra}\r\n".encode()


OPENING = event(_START) + event(
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
)
CLOSING = (
    event({"type": "content_block_stop", "index": 0}) + event(_STOP) + event({"type": "message_stop"}) + b"0\r\n\r\n"
)
STREAM_HEAD = _head("text/event-stream", "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n")
LENGTH = f"content-length: {len(_ANSWER)}\r\n"
WHOLE = {
    "json": _head("application/json", LENGTH) + _ANSWER,
    "limits": _head("application/json", LENGTH + _LIMITS) + _ANSWER,
    "stream": STREAM_HEAD + OPENING + b"".join(delta(f"word {n} ") for n in range(EVENTS - 5)) + CLOSING,
}
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Upstream(asyncio.Protocol):
    """One connection; requests come one after another."""

    release: asyncio.Event

    def __init__(self) -> None:
        self.buffer = b""
        self.need = 0
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, _exc: Exception | None) -> None:
        if self.task:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if self.need and len(self.buffer) < self.need:
            return
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        if b"\r\ntransfer-encoding: chunked" in head:
            if not self.buffer.endswith(b"0\r\n\r\n"):
                return
        else:
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self.need = end + 4 + length
            if len(self.buffer) < self.need:
                return
        target = self.buffer.split(b" ", 2)[1].decode()
        self.buffer, self.need = b"", 0
        self.answer(target)

    def answer(self, target: str) -> None:
        """Send what the case asks for."""
        url = urlsplit(target)
        wanted = dict(parse_qsl(url.query))
        case = wanted.get("case", "")
        if case in WHOLE:
            self.transport.write(WHOLE[case])
        elif case == "paced":
            self.task = asyncio.ensure_future(self._pace(int(wanted["n"]), int(wanted["ms"]) / 1000))
        elif case == "idle":
            self.task = asyncio.ensure_future(self._idle())
        else:
            if url.path == "/release":
                Upstream.release.set()
                Upstream.release = asyncio.Event()
            self.transport.write(OK)

    async def _pace(self, count: int, pause_s: float) -> None:
        self.transport.write(STREAM_HEAD + OPENING)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(count):
            due += pause_s
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.transport.write(delta(f"t={time.monotonic_ns()};"))
        self.transport.write(CLOSING)

    async def _idle(self) -> None:
        self.transport.write(STREAM_HEAD + OPENING)
        await Upstream.release.wait()
        self.transport.write(CLOSING)


async def serve() -> None:
    """Listen on a free port, print it, and serve until the process is ended."""
    Upstream.release = asyncio.Event()
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        sys.exit(0)
