"""Looking after the recorded history: clear it in small steps, and see how large what is."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from sqlalchemy import Connection, delete, func, inspect, select, text
from sqlalchemy.exc import DatabaseError

from app.audit import Actor, note
from app.clock import now_ms
from app.db import db, reading, transaction
from app.usage.ledger import recount
from app.usage.models import Request

_BATCH = 2000


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table. `size_bytes` includes its indexes; None when the database does not tell."""

    name: str
    rows: int
    size_bytes: int | None
    indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the database looks like. `log_bytes`: SQLite's write-ahead log."""

    engine: str
    size_bytes: int | None
    log_bytes: int | None
    tables: tuple[TableFacts, ...]
    took_ms: int


def clear_history(actor: Actor) -> int:
    """Delete the records of all requests that have ended by now, with attempts and payloads; return how many.

    Many short transactions, so that the proxy writes on meanwhile; the sums follow at the end. Counters and windows of
    accounts stay.
    """
    until = now_ms()
    cleared = 0
    with transaction() as session:
        note(session, actor, "history.clear")
    batch = (
        select(Request.id).where(Request.outcome.is_not(None), Request.started_at <= until).limit(_BATCH)
    ).scalar_subquery()
    while True:
        with transaction() as session:
            gone = session.execute(delete(Request).where(Request.id.in_(batch)).returning(Request.id)).all()
        cleared += len(gone)
        if len(gone) < _BATCH:
            break
    with transaction() as session:
        recount(session)
    return cleared


def analyze() -> Analysis:
    """Refresh the statistics that queries are planned by, and measure every table. Call off the event loop."""
    begun = monotonic()
    url, dialect = db.engine.url, db.engine.dialect.name
    is_sqlite = dialect == "sqlite"
    with transaction() as session:
        if is_sqlite:
            # Samples of each index are enough, and the lock is held for milliseconds (sqlite.org/lang_analyze.html).
            session.execute(text("PRAGMA analysis_limit=1000"))
        session.execute(text("ANALYZE"))
    with reading() as session:
        connection = session.connection()
        sizes = _sqlite_sizes(connection) if is_sqlite else _postgres_sizes(connection)
        tables = tuple(_table(connection, name, sizes) for name in sorted(inspect(connection).get_table_names()))
        total = _sqlite_total(connection) if is_sqlite else _postgres_total(connection)
    log_bytes = _log_bytes(url.database) if is_sqlite else None
    return Analysis(dialect, total, log_bytes, tables, round((monotonic() - begun) * 1000))


def _table(connection: Connection, name: str, sizes: dict[str, int]) -> TableFacts:
    indexes = tuple(sorted(str(index["name"]) for index in inspect(connection).get_indexes(name)))
    table = db.metadata.tables.get(name)
    counted = select(func.count()).select_from(table if table is not None else text(f'"{name}"'))
    rows = connection.execute(counted).scalar_one()
    parts = (name, *indexes, f"sqlite_autoindex_{name}_1") if connection.dialect.name == "sqlite" else (name,)
    size = sum(sizes.get(part, 0) for part in parts) if sizes else None
    return TableFacts(name, rows, size, indexes)


def _sqlite_sizes(connection: Connection) -> dict[str, int]:
    """Return the bytes of each table and index, where SQLite was built to tell."""
    try:
        rows = connection.execute(text("SELECT name, SUM(pgsize) AS size FROM dbstat GROUP BY name"))
        return {row.name: row.size for row in rows}
    except DatabaseError:
        return {}


def _sqlite_total(connection: Connection) -> int:
    pages: int = connection.execute(text("PRAGMA page_count")).scalar_one()
    page_bytes: int = connection.execute(text("PRAGMA page_size")).scalar_one()
    return pages * page_bytes


def _log_bytes(database: str | None) -> int | None:
    try:
        return Path(f"{database}-wal").stat().st_size if database else None
    except OSError:
        return None


def _postgres_sizes(connection: Connection) -> dict[str, int]:
    statement = "SELECT relname AS name, pg_total_relation_size(oid) AS size FROM pg_class WHERE relkind = 'r'"
    return {row.name: row.size for row in connection.execute(text(statement))}


def _postgres_total(connection: Connection) -> int:
    total: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return total
