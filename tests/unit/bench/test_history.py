"""The history that is filled in for measuring is one that could have been recorded, and every question is answered."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.db import db, reading
from bench import filling
from bench.asking import asks
from bench.history import facts, text, timed
from tests.unit.usage.records import recount, rollups


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    steps = [step for step, _ in filling.fill(folder, 3000, 40)]
    assert len(steps) == 7
    return folder


def test_sums_that_are_filled_in_are_those_of_the_rows(home: Path) -> None:
    app = filling.application(home)
    with app.app_context():
        with reading() as session:
            held, counted = rollups(session), recount(session)
        db.engine.dispose()
    hours = {place for place in counted if place[0] > 60_000}
    assert {place for place in held if place[0] > 60_000} == hours
    for place in hours:
        assert held[place][0][:-1] == counted[place][0][:-1], "all but the speed, which is rounded row by row"
    assert 0 < facts(home)["client_sessions"] < facts(home)["requests"] == 3000


def test_indexes_are_there_again(home: Path) -> None:
    with closing(sqlite3.connect(home / "ccflare.db")) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert {"requests_by_account", "requests_failed", "client_sessions_by_last", "facets_by_last"} <= names


def test_every_question_is_answered(home: Path) -> None:
    app = filling.application(home)
    with app.app_context():
        timings = [timed(name, variants[:2], 1) for name, variants in asks(random.Random(1)).items()]
        db.engine.dispose()
    assert len(timings) > 90
    assert text(timings).count("\n") == len(timings) + 1
