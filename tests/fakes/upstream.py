"""The scripted upstream: an API that misbehaves on demand. `python -m tests.fakes.upstream --port 0` runs it.

Tests import `Upstream` and the steps from here:

    with Upstream() as up:
        up.script("sk-ant-api03-a", [limited("5h", reset_in_s=60), message(text="Hello", events=50)])
        ...
        up.wait_for_requests(2)
"""

import argparse
from pathlib import Path

from tests.fakes.client import Seen, Upstream, attach
from tests.fakes.steps import (
    Step,
    cut,
    early_close_of_idle_connection,
    early_end,
    first_event_error,
    forbidden,
    hold,
    invalid_grant,
    limited,
    message,
    mid_stream_error,
    overloaded,
    payload,
    revoked,
    rotates_then_cuts,
    rst,
    short_body,
    silent,
    status,
    tokens,
    unauthorized,
    usage,
)

__all__ = [
    "Seen",
    "Step",
    "Upstream",
    "attach",
    "cut",
    "early_close_of_idle_connection",
    "early_end",
    "first_event_error",
    "forbidden",
    "hold",
    "invalid_grant",
    "limited",
    "message",
    "mid_stream_error",
    "overloaded",
    "payload",
    "revoked",
    "rotates_then_cuts",
    "rst",
    "short_body",
    "silent",
    "status",
    "tokens",
    "unauthorized",
    "usage",
]


def main(arguments: list[str] | None = None) -> None:
    """Run the fake until it is killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.upstream", description="A scripted API upstream.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the line `ready URL` tells which")
    parser.add_argument("--tls", metavar="FOLDER", type=Path, help="serve https; certificates are written into FOLDER")
    parser.add_argument("--bench", action="store_true", help="keep no requests and do not parse big bodies")
    parser.add_argument("--until-stdin-closes", action="store_true", help="leave when whoever started this is gone")
    asked = parser.parse_args(arguments)
    from tests.fakes.server import run  # noqa: PLC0415 - the client side must not load gevent

    tls_files = None
    if asked.tls is not None:
        from tests.fakes.tls import write_certificate  # noqa: PLC0415 - and only TLS needs cryptography

        cert, key, _ = write_certificate(asked.tls)
        tls_files = str(cert), str(key)
    run(asked.host, asked.port, tls_files=tls_files, bench=asked.bench, until_stdin_closes=asked.until_stdin_closes)


if __name__ == "__main__":
    main()
