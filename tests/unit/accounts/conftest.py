"""One scripted upstream for the tests of log-ins and tokens, empty before each."""

from collections.abc import Callable, Iterator

import pytest

from app.db import db
from tests.fakes.upstream import Upstream
from tests.unit.accounts.logins import Process, process


@pytest.fixture
def new_process(up: Upstream, environment: dict[str, str]) -> Iterator[Callable[[], Process]]:
    made: list[Process] = []

    def start() -> Process:
        made.append(process(up, environment))
        return made[-1]

    yield start
    for one in made:
        one.credentials.settle(5)
        with one.app.app_context():
            db.engine.dispose()


@pytest.fixture
def here(new_process: Callable[[], Process]) -> Process:
    return new_process()
