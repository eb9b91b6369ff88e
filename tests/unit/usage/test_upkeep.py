"""Looking after the recorded history."""

import pytest
from sqlalchemy import func, select

from app.audit import SYSTEM, AuditEntry
from app.clock import now_ms
from app.db import db, reading, transaction
from app.usage import upkeep
from app.usage.models import Attempt, Payload, Request
from app.values import new_request_id

pytestmark = pytest.mark.usefixtures("app")


def record(outcome: str | None, started_at: int | None = None) -> None:
    at = now_ms() if started_at is None else started_at
    with transaction() as session:
        request = Request(id=new_request_id(at), started_at=at, method="POST", path="/v1/messages", outcome=outcome)
        session.add(request)
        session.flush()
        session.add(Payload(request_id=request.id, at=at, size=1, content=b"x"))
        session.add(
            Attempt(
                request_id=request.id, position=0, account_id=1, account_name="a", reason="served",
                started_at=at, ended_at=at,
            )
        )  # fmt: skip


def left() -> list[int]:
    with reading() as session:
        return [
            session.execute(select(func.count()).select_from(kind)).scalar_one() for kind in (Request, Attempt, Payload)
        ]


def test_history_goes_with_all_that_belongs_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_BATCH", 2)
    for _ in range(5):
        record("complete")
    assert upkeep.clear_history(SYSTEM) == 5
    assert left() == [0, 0, 0]
    with reading() as session:
        assert session.execute(select(AuditEntry.action)).scalars().all() == ["history.clear"]


def test_running_requests_stay() -> None:
    record(None)
    record("client_gone")
    assert upkeep.clear_history(SYSTEM) == 1
    assert left() == [1, 1, 1]


def test_clearing_nothing_is_no_fault() -> None:
    assert upkeep.clear_history(SYSTEM) == 0


def test_analysis_counts_every_table_also_when_empty() -> None:
    record("complete")
    found = upkeep.analyze()
    tables = {table.name: table for table in found.tables}
    assert set(db.metadata.tables) <= set(tables)
    assert (tables["requests"].rows, tables["accounts"].rows) == (1, 0)
    assert "requests_by_account" in tables["requests"].indexes
    assert found.engine == db.engine.dialect.name
    assert found.size_bytes is not None
    known = [table.size_bytes for table in found.tables if table.size_bytes is not None]
    assert sum(known) <= found.size_bytes


def test_analysis_leaves_statistics_for_the_planner() -> None:
    record("complete")
    upkeep.analyze()
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps them elsewhere")
    with db.engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT DISTINCT tbl FROM sqlite_stat1").scalars().all()
    assert "requests" in tables
