"""Databases for tests: SQLite files, and those of a PostgreSQL server that is there or can be started."""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, MetaData, NullPool, create_engine, inspect, make_url, text

from app.db import reading
from tests.integration.server import eventually

ENGINES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
_PR_SET_PDEATHSIG = 1
_PROGRAMS = Path("/usr/lib/postgresql")
_HASTY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "listen_addresses=")


def waiting_for_a_lock() -> int:
    """Return how many transactions of the application's PostgreSQL database wait for another one."""
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with reading() as session:
        return int(session.execute(text(statement)).scalar_one())


class Postgres:
    """A server with databases to throw away."""

    def __init__(self, address: URL) -> None:
        self._address = address.set(drivername="postgresql+psycopg")

    @contextmanager
    def database(self, like: str = "template1") -> Iterator[URL]:
        """Yield the address of a new database: an empty one, or a copy of another that nobody is connected to."""
        name = f"ccflare_test_{secrets.token_hex(6)}"
        admin = create_engine(self._address, isolation_level="AUTOCOMMIT")
        try:
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {like}"))
            try:
                yield self._address.set(database=name)
            finally:
                with admin.connect() as connection:
                    connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        finally:
            admin.dispose()


class Refilled:
    """One database that holds, whenever it is taken, what it held at first: a tenth of what a new one costs."""

    def __init__(self, address: URL) -> None:
        self.address = address
        self._engine = create_engine(address, poolclass=NullPool)
        metadata = MetaData()
        with self._engine.connect() as connection:
            metadata.reflect(connection)
            self._tables = metadata.sorted_tables
            self._rows = [list(map(dict, connection.execute(table.select()).mappings())) for table in self._tables]

    def take(self) -> URL | None:
        """Empty and refill it, and return its address; None when its tables are not those that it had at first."""
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            if set(inspect(connection).get_table_names()) != {table.name for table in self._tables}:
                return None
            names = ", ".join(table.name for table in self._tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
            for table, rows in zip(self._tables, self._rows):
                if rows:
                    connection.execute(table.insert(), rows)
        return self.address


@contextmanager
def postgres() -> Iterator[Postgres | None]:
    """Yield the server that CCFLARE_TEST_POSTGRES_URL names, else one of our own; None where neither can be had."""
    if server := os.environ.get("CCFLARE_TEST_POSTGRES_URL"):
        yield Postgres(make_url(server))
    elif found := sorted(_PROGRAMS.glob("*/bin/initdb")):
        with tempfile.TemporaryDirectory(prefix="ccflare-postgres-") as folder:
            yield from _started(found[-1].parent, Path(folder))
    else:
        yield None


def _started(programs: Path, folder: Path) -> Iterator[Postgres]:
    """Run a server on a socket in a folder, which need not survive a crash."""
    # It refuses to run as root.
    owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    shutil.chown(folder, owner)
    data = folder / "data"
    make = [programs / "initdb", "-D", data, "--no-sync", "--auth=trust", "--no-locale", "--encoding=UTF8"]
    subprocess.run([*make, "--username=ccflare"], check=True, cwd=folder, user=owner, stdout=subprocess.DEVNULL)
    options = [part for setting in (*_HASTY, f"unix_socket_directories={folder}") for part in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            cwd=folder,
            user=owner,
            stdout=log,
            stderr=log,
            preexec_fn=_end_with_this_process,
        )
    try:
        state = data / "postmaster.pid"
        eventually(lambda: server.poll() is not None or (state.exists() and "ready" in state.read_text()))
        assert server.poll() is None, (folder / "log").read_text()
        yield Postgres(URL.create("postgresql", "ccflare", database="postgres", query={"host": str(folder)}))
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)


def _end_with_this_process() -> None:
    """Have the kernel end what is started here even when nobody is left to do so."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
