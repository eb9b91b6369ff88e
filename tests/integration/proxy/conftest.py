"""One server for all tests of the proxy that can share one: each begins with accounts of its own."""

from collections.abc import Iterator

import pytest

from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation
from tests.integration.server import Server


@pytest.fixture(scope="session")
def server(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), upstream_process) as running:
        yield running


@pytest.fixture(scope="session")
def installation(server: Server) -> Iterator[Installation]:
    with Installation(server) as inside:
        yield inside
