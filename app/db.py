"""The database: the one engine, its pragmas, short transactions, and a way to use them off the event loop."""

import contextvars
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar, cast

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Connection, Engine, ExceptionContext, Integer, String, event, select, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, registry
from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")

SCHEMA_REVISION = "0001"
"""The newest migration; a start with this revision in place needs no Alembic at all (a test compares)."""

Id64 = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key: SQLite only makes `INTEGER PRIMARY KEY` the row id itself."""


class Model(DeclarativeBase):
    """Base of all tables."""

    registry = registry(type_annotation_map={int: Id64})


db = SQLAlchemy(model_class=Model, disable_autonaming=True)

Topic = Literal["accounts", "keys", "preferences", "pins", "requests"]


class Pulse(Model):
    """A counter per topic that every change of that topic advances; workers poll it to notice changes."""

    __tablename__ = "pulse"

    topic: Mapped[str] = mapped_column(String(20), primary_key=True)
    beats: Mapped[int] = mapped_column(default=0)


def beat(session: Session, topic: Topic) -> None:
    """Tell every worker that `topic` changed, with the transaction that changes it."""
    session.execute(update(Pulse).where(Pulse.topic == topic).values(beats=Pulse.beats + 1))


def beats(session: Session) -> dict[str, int]:
    """Return the counter of each topic."""
    return {topic: count for topic, count in session.execute(select(Pulse.topic, Pulse.beats))}


_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA busy_timeout=5000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-16000",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA journal_size_limit=67108864",
)


def engine_options(url: str) -> dict[str, Any]:
    """Return the engine options that suit a database URL."""
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": 5.0}, "pool_size": 5, "max_overflow": 10}
    statement_ms = 30_000
    return {
        "pool_size": 5,
        "max_overflow": 10,
        "pool_timeout": 5,
        "pool_pre_ping": True,
        "pool_recycle": 300,
        "connect_args": {
            "connect_timeout": 5,
            "options": f"-c statement_timeout={statement_ms} -c idle_in_transaction_session_timeout=60000",
        },
    }


def init_app(app: Flask, url: str) -> None:
    """Bind the database to an application."""
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    db.init_app(app)
    app.extensions["ccflare_offload"] = _Offload(6)
    app.extensions["ccflare_offload_briefly"] = _Offload(2)
    with app.app_context():
        _listen(db.engine)


def _listen(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        event.listen(engine, "handle_error", _leave_read_only)
        return

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A read that turns into a write loses against another writer at once (SQLITE_BUSY_SNAPSHOT),
        # whatever the busy time-out says; a writer therefore takes the lock when it begins.
        mode = "BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN"
        connection.exec_driver_sql(mode)


_READ_ONLY = "25006"
"""SQLSTATE of a write on a server that only reads, as after a fail-over."""


def _leave_read_only(context: ExceptionContext) -> None:
    """Give up every connection to a server that only reads: the address may lead to another one by now."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


@contextmanager
def transaction() -> Iterator[Session]:
    """Open a short write transaction; commit at the end, roll back on any error. Call inside an app context."""
    with Session(db.engine, expire_on_commit=False) as session:
        session.connection(execution_options={"write": True})
        yield session
        session.commit()


@contextmanager
def reading() -> Iterator[Session]:
    """Open a short read-only unit of work. Call inside an app context."""
    with Session(db.engine, expire_on_commit=False) as session:
        yield session


def is_away(error: Exception) -> bool:
    """Whether the database is locked, away or only reads, so that the same statement may succeed later."""
    if isinstance(error, (OperationalError, InterfaceError, NoConnection)):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def offload(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run `function` inside an app context on a native thread, so that the event loop goes on; return its result.

    Without an event loop (command line, tests) it simply calls the function. Call inside an app context.
    """
    offloader: _Offload = current_app.extensions["ccflare_offload"]
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return offloader.run(app, function, args, kwargs)


def offload_briefly(function: Callable[..., T], *args: Any, within_s: float) -> T:
    """Do the same for a short read of a proxied request: no page, probe or write holds its threads.

    Raises TimeoutError when it takes longer; without an event loop it takes as long as it takes.
    """
    offloader: _Offload = current_app.extensions["ccflare_offload_briefly"]
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    if not is_cooperative():
        return offloader.run(app, function, args, {})
    from gevent import Timeout  # noqa: PLC0415 - the command line does without it

    with Timeout(within_s, TimeoutError):
        return offloader.run(app, function, args, {})


def offload_in_context(function: Callable[[], T]) -> T:
    """Run `function` on a native thread with a copy of the caller's context variables (Flask's `request` included)."""
    offloader: _Offload = current_app.extensions["ccflare_offload"]
    return offloader.run_in_context(function)


_is_off_loop: contextvars.ContextVar[bool] = contextvars.ContextVar("is_off_loop", default=False)


class _Offload:
    """Native threads of one process for database work; made at first use, because workers fork before it."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool: Any = None

    def run(self, app: Flask, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        def inside() -> T:
            with app.app_context():
                return function(*args, **kwargs)

        return self._submit(contextvars.Context(), inside)

    def run_in_context(self, function: Callable[[], T]) -> T:
        return self._submit(contextvars.copy_context(), function)

    def _submit(self, context: contextvars.Context, function: Callable[[], T]) -> T:
        if not is_cooperative() or _is_off_loop.get():
            return function()
        if self._pool is None:
            from gevent.threadpool import ThreadPool  # noqa: PLC0415 - the command line does without it

            self._pool = ThreadPool(self._threads)
        result, fault = self._pool.apply(context.run, (_caught, function))
        if fault is not None:
            raise fault
        return cast("T", result)


def _caught(function: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """Run `function` and return what it raised: gevent prints each fault of a thread."""
    try:
        return inline(function), None
    except BaseException as exc:  # noqa: BLE001 - raised again where it is waited for
        return None, exc


def inline(function: Callable[[], T]) -> T:
    """Run `function` so that all its `offload` stays on this thread, because the event loop is about to end."""

    def inside() -> T:
        _is_off_loop.set(True)
        return function()

    return contextvars.copy_context().run(inside)


def breathe() -> None:
    """Let others run, in the middle of longer work on the event loop; elsewhere this does nothing."""
    if is_cooperative() and not _is_off_loop.get():
        sys.modules["gevent"].sleep(0)


def is_cooperative() -> bool:
    """Whether this process runs on gevent's event loop (a gunicorn worker), as opposed to plain threads."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))
