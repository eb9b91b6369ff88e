"""What workers say of themselves."""

from flask import Flask
from sqlalchemy import update

from app.background.gauges import ABOUT_GAUGES, Teller, workers
from app.background.models import WorkerState
from app.db import db, transaction
from app.runtime import runtime


def test_worker_is_on_the_list_until_it_leaves(app: Flask) -> None:
    teller = Teller(runtime())
    teller.tell()
    teller.tell()
    (one,) = workers()
    assert set(one.gauges) == set(ABOUT_GAUGES)
    assert one.key_id == runtime().vault.current.decode()
    teller.leave()
    assert workers() == ()


def test_worker_that_is_silent_is_forgotten(app: Flask) -> None:
    Teller(runtime()).tell()
    with transaction() as session:
        session.execute(update(WorkerState).values(worker="dead", seen_at=1))
    assert workers() == ()
    Teller(runtime()).tell()
    with transaction() as session:
        assert [row.worker for row in session.query(WorkerState)] != ["dead"]


def test_leaving_needs_no_database(app: Flask) -> None:
    with transaction() as session:
        session.connection().exec_driver_sql("DROP TABLE worker_states")
    Teller(runtime()).leave()
    db.engine.dispose()
