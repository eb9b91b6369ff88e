"""A server for each of these modules: they tell of all requests, and count connections."""

from collections.abc import Iterator

import pytest

from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation
from tests.integration.server import Server


@pytest.fixture(scope="module")
def server(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), upstream_process) as running:
        yield running


@pytest.fixture(scope="module")
def installation(server: Server) -> Iterator[Installation]:
    with Installation(server) as inside:
        yield inside
