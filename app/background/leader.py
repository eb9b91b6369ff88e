"""One leader over all workers and hosts: a lease in the database, fenced by a generation.

The database's clock alone says when a lease ends, so hosts need not agree about the time. The holder counts by its
own monotonic clock from *before* it asked, and stops acting a margin earlier: a leader that is cut off from the
database ends its work before anyone else can begin.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import BigInteger, Integer, cast, extract, func, select, update
from sqlalchemy.orm import Session

from app.background.models import Lease
from app.db import reading, transaction
from app.upserts import insert_new

log = logging.getLogger(__name__)

LEADER = "leader"
TTL_S = 15.0
RENEW_S = 5.0
MARGIN_S = 3.0


class NotLeading(Exception):
    """This process does not hold the lease any more; what it was about to do belongs to another one."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lease. `left_ms` is what is left of it by the database's clock; 0 or less: nobody holds it."""

    owner: str
    generation: int
    left_ms: int

    @property
    def is_alive(self) -> bool:
        """Whether the lease still runs."""
        return self.left_ms > 0


class Leader:
    """This process's claim to the lease. Every method that touches the database needs an app context."""

    def __init__(self, owner: str | None = None, *, clock: Callable[[], float] = monotonic) -> None:
        self.owner = owner or f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.generation: int | None = None
        self._clock = clock
        self._acts_until = 0.0
        self._renew_at = 0.0

    @property
    def is_leading(self) -> bool:
        """Whether this process may act now; asks nobody."""
        return self.generation is not None and self._clock() < self._acts_until

    @property
    def is_due(self) -> bool:
        """Whether it is time to `keep` the lease, or to look whether it is free."""
        return self._clock() >= self._renew_at

    def keep(self) -> bool:
        """Renew the lease, or take it when nobody holds it; return whether this process leads."""
        begun = self._clock()
        if self.generation is not None:
            if _renewed(self.owner, self.generation):
                self._extend(begun)
                return True
            log.warning("leadership is lost: another process took the lease")
            self._forget()
        holder = current()
        if holder is None or not holder.is_alive:
            generation = _taken(self.owner, holder)
            if generation is not None:
                self.generation = generation
                self._extend(begun)
                log.info("this process leads the background jobs now (generation %d)", generation)
        return self.is_leading

    def resign(self) -> None:
        """Give the lease back, so that another process need not wait for its end."""
        generation, self.generation = self.generation, None
        self._forget()
        if generation is not None:
            with transaction() as session:
                session.execute(_ours(self.owner, generation).values(until=0))

    def check(self) -> None:
        """Raise NotLeading unless this process may still act."""
        if not self.is_leading:
            raise NotLeading("the lease has run out")

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a write transaction that only the present leader can commit. Raises NotLeading."""
        self.check()
        with transaction() as session:
            ours = select(Lease.name).where(
                Lease.name == LEADER, Lease.owner == self.owner, Lease.generation == self.generation
            )
            # The lock keeps a successor from taking the lease until this is committed.
            if session.execute(ours.with_for_update(read=True)).scalar() is None:
                raise NotLeading("another process took the lease")
            yield session

    def _extend(self, begun: float) -> None:
        self._acts_until = begun + TTL_S - MARGIN_S
        self._renew_at = begun + RENEW_S

    def _forget(self) -> None:
        self.generation = None
        self._acts_until = self._renew_at = 0.0


def current() -> Holder | None:
    """Return who holds the lease, or held it last; None when nobody ever did. Call inside an app context."""
    with reading() as session:
        left = Lease.until - database_now(session)
        row = session.execute(select(Lease.owner, Lease.generation, left).where(Lease.name == LEADER)).one_or_none()
    return Holder(*row) if row is not None else None


def database_now(session: Session) -> Any:
    """Return an expression for the database's own time in epoch milliseconds."""
    if session.get_bind().dialect.name == "postgresql":
        return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)
    return cast((func.julianday("now") - 2440587.5) * 86_400_000, Integer)


def _ours(owner: str, generation: int) -> Any:
    return update(Lease).where(Lease.name == LEADER, Lease.owner == owner, Lease.generation == generation)


def _renewed(owner: str, generation: int) -> bool:
    """Extend the lease. One that ran out while nobody wanted it is still ours: the generation tells."""
    with transaction() as session:
        until = database_now(session) + int(TTL_S * 1000)
        renewed = _ours(owner, generation).values(until=until).returning(Lease.name)
        return session.execute(renewed).scalar() is not None


def _taken(owner: str, seen: Holder | None) -> int | None:
    """Take a lease that was seen free; return its new generation, or None when another process was faster."""
    with transaction() as session:
        if seen is None:
            insert_new(session, Lease, [{"name": LEADER, "owner": "", "until": 0, "generation": 0}], ["name"])
        now = database_now(session)
        generation = seen.generation if seen else 0
        free = update(Lease).where(Lease.name == LEADER, Lease.generation == generation, Lease.until <= now)
        values = {"owner": owner, "until": now + int(TTL_S * 1000), "generation": generation + 1}
        found = session.execute(free.values(**values).returning(Lease.name)).scalar()
        return None if found is None else generation + 1
