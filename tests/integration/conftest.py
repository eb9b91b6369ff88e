"""The scripted upstream and the real server, for every integration test.

`upstream` is empty at the start of each test. `server` (two workers) is shared: whoever uses it begins with accounts of
its own, leaves it serving, and looks at its own requests alone. A module that cannot makes another one under this name;
`new_server` makes one for a single test, with settings of its own: `new_server(workers=1, LB_STRATEGY="least-used")`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation
from tests.integration.server import Server


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[Upstream]:
    with Upstream() as up:
        yield up


@pytest.fixture
def upstream(upstream_process: Upstream) -> Upstream:
    upstream_process.reset()
    return upstream_process


@pytest.fixture(scope="session")
def server(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), upstream_process) as running:
        yield running


@pytest.fixture(scope="session")
def installation(server: Server) -> Iterator[Installation]:
    """The server from inside."""
    with Installation(server) as inside:
        yield inside


@pytest.fixture
def inside() -> Iterator[Callable[[Server], Installation]]:
    """Look inside a server that a test has made for itself."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(Installation(server))


@pytest.fixture
def new_server(upstream: Upstream, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:

        def make(*, workers: int = 2, folder: Path | None = None, **settings: Any) -> Server:
            place = folder or tmp_path / f"server-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(Server(place, upstream, workers=workers, **settings))

        yield make


@pytest.fixture
def raw(server: Server) -> Iterator[Callable[[], RawClient]]:
    """Open bare connections to the server; they are closed after the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(server.raw())
