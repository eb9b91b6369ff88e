"""The inside of a running server: its database, seeded directly, and a connection to each of its workers."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flask.ctx import AppContext
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.access import keys, users
from app.access.models import ClientKey
from app.accounts.models import Account, SessionPin
from app.accounts.secrets import seal_into
from app.audit import SYSTEM
from app.clock import now_ms
from app.db import beat, db, transaction
from app.factory import create_app
from app.runtime import Runtime, runtime
from app.values import id_from_text
from config import Settings
from tests.fakes.raw import RawAnswer, RawClient
from tests.integration.calls import request_id_of
from tests.integration.server import Ran, Server, eventually

Row = dict[str, Any]


def key_of(name: str) -> str:
    """Return the API key of a seeded account."""
    return f"sk-ant-api03-{name}"


class Installation:
    """One server from inside; a context manager. What is changed here is in force in every worker on return."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.database = Path(server.env["CCFLARE_DATA_DIR"]) / "ccflare.db"
        self._app = create_app(Settings.load(server.env))
        self._lines: dict[int, RawClient] = {}
        self._more: list[RawClient] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in (*self._lines.values(), *self._more):
            line.close()
        with self._app.app_context():
            db.engine.dispose()

    def entered(self) -> AppContext:
        """Return the context of the test's own process on this data folder, for a `with`."""
        return self._app.app_context()

    @property
    def parts(self) -> Runtime:
        """The long-lived parts of the test's own process on this data folder."""
        with self._app.app_context():
            return runtime()

    def accounts(self, *names: str, provider: str = "console", **columns: Any) -> None:
        """Have exactly these accounts, fresh, and no keys and pins: the first one has the best priority."""
        before = self.scalar("SELECT count(*) FROM accounts")
        if before == len(names):
            # The number is what tells that a worker has noticed.
            self._replace((), provider, columns)
        self._replace(names, provider, columns)

    def ensure_accounts(self, *names: str) -> None:
        """Have exactly these plain accounts; those that are there are left alone if they have no past."""
        there = self.rows(
            "SELECT name FROM accounts WHERE provider = 'console' AND endpoint IS NULL AND paused_at IS NULL"
            " AND cooldown_until IS NULL AND streak = 0 ORDER BY priority"
        )
        if [row["name"] for row in there] != list(names) or self.scalar("SELECT count(*) FROM accounts") != len(names):
            self.accounts(*names)

    def add_accounts(self, *names: str, provider: str = "console", **columns: Any) -> None:
        """Add accounts behind those that are there."""
        before = self.scalar("SELECT count(*) FROM accounts")
        with self._app.app_context(), transaction() as session:
            _add(session, names, provider, columns, before)
        self.wait_for_accounts(before + len(names))

    def key(self, name: str, role: str = "client") -> str:
        """Create a client key and return it, at once in the database."""
        with self._app.app_context(), transaction() as session:
            return keys.make(session, runtime().pepper, name, role, "test").key

    def create_user(self, name: str, password: str, role: str) -> None:
        """Create a user of the dashboard."""
        with self._app.app_context():
            users.create_user(users.NewUser(name, password, role), SYSTEM)

    def run(self, *arguments: str, given: str | None = None) -> Ran:
        """Run `flask ccflare ...` in the test's own process, for its effect: a process of its own takes seconds."""
        done = self._app.test_cli_runner().invoke(args=["ccflare", *arguments], input=given or "")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    def add_subscription(self, name: str, pair: Mapping[str, Any], *more: str) -> None:
        """Add an account with a token pair, and wait until every worker has it."""
        before = self.scalar("SELECT count(*) FROM accounts")
        ran = self.run("add-account", name, "--mode", "max", "--tokens-stdin", *more, given=json.dumps(pair))
        assert ran.code == 0, ran
        self.wait_for_accounts(before + 1)

    def revoke(self, name: str) -> None:
        """Take a client key out of force."""
        with self._app.app_context(), transaction() as session:
            session.query(ClientKey).filter_by(name=name).one().revoked_at = now_ms()
            beat(session, "keys")

    def rows(self, query: str, *values: Any) -> list[Row]:
        """Return what a query finds in the database file."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def scalar(self, query: str, *values: Any) -> Any:
        """Return the one value that a query finds."""
        (row,) = self.rows(query, *values)
        (value,) = row.values()
        return value

    def record(self, answer: RawAnswer) -> Row:
        """Return the record of the request behind an answer, as soon as it is final."""
        return self.final("SELECT * FROM requests WHERE id = ?", id_from_text(request_id_of(answer)))

    def final(self, query: str, *values: Any) -> Row:
        """Return the one request that a query finds, as soon as it has an outcome."""
        rows = eventually(lambda: [row for row in self.rows(query, *values) if row["outcome"] is not None])
        assert len(rows) == 1
        return rows[0]

    def attempts(self, record: Row) -> list[Row]:
        """Return the attempts of a request, in order."""
        return self.rows("SELECT * FROM attempts WHERE request_id = ? ORDER BY position", record["id"])

    def line(self, pid: int) -> RawClient:
        """Return an open connection that this worker serves."""
        for _ in range(400):
            if pid in self._lines:
                return self._lines[pid]
            line = self.server.raw()
            _health_of(line)
            owner = worker_of(self.server, line)
            if owner in self._lines:
                line.close()
            else:
                self._lines[owner] = line
        raise AssertionError(f"worker {pid} takes no connection")

    def serves(self, pid: int, client: RawClient) -> bool:
        """Whether this worker has taken a connection."""
        return worker_of(self.server, client) == pid

    def second_line(self, pid: int) -> RawClient:
        """Return one more connection that this worker serves; closed with the others."""
        for _ in range(400):
            line = self.server.raw()
            self._more.append(line)
            _health_of(line)
            if self.serves(pid, line):
                return line
        raise AssertionError(f"worker {pid} takes no connection")

    def health(self, pid: int) -> Row:
        """Return what a worker says about its pool."""
        for _ in range(2):
            try:
                return _health_of(self.line(pid))
            except (ConnectionError, IndexError):
                self._lines.pop(pid).close()
        return _health_of(self.line(pid))

    def wait_for_accounts(self, count: int) -> None:
        """Wait until every worker knows this number of accounts."""
        for pid in self.server.worker_pids():
            eventually(lambda pid=pid: self.health(pid)["accounts"] == count, every_s=0.02)

    def _replace(self, names: Sequence[str], provider: str, columns: Mapping[str, Any]) -> None:
        with self._app.app_context(), transaction() as session:
            for model in (SessionPin, Account, ClientKey):
                session.execute(delete(model))
            beat(session, "keys")
            beat(session, "pins")
            _add(session, names, provider, columns, 0)
        self.wait_for_accounts(len(names))


def _add(session: Session, names: Sequence[str], provider: str, columns: Mapping[str, Any], first: int) -> None:
    for position, name in enumerate(names, first):
        fields = {"priority": position, **columns}
        row = Account(name=name, provider=provider, created_at=now_ms(), **fields)
        session.add(row)
        session.flush()
        seal_into(row, runtime().vault, "api_key", key_of(name))
    beat(session, "accounts")


def _health_of(line: RawClient) -> Row:
    line.request("GET", "/health")
    found: Row = json.loads(line.answer().body)
    return found


def worker_of(server: Server, client: RawClient) -> int:
    """Return the process that serves a connection, as the kernel tells it."""
    here = client.sock.getsockname()[1]
    for entry in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = entry.split()
        if int(fields[1][-4:], 16) == server.port and int(fields[2][-4:], 16) == here:
            wanted = f"socket:[{fields[9]}]"
            for pid in server.worker_pids():
                if any(_target(found) == wanted for found in Path(f"/proc/{pid}/fd").iterdir()):
                    return pid
    raise AssertionError("no worker serves this connection")


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""
