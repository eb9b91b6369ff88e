"""Tables of the background room: leases of who leads, how each job fared, how each worker is."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Model


class Lease(Model):
    """Who may act alone, and until when by the database's own clock. Each new holder raises the generation."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(120))
    until: Mapped[int]
    generation: Mapped[int]


class JobState(Model):
    """How the last run of a job went, and when the next one is due."""

    __tablename__ = "jobs"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    started_at: Mapped[int | None]
    ended_at: Mapped[int | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    """`ok`, `failed`, or `running`; what a dead leader left running stays `running` under its old generation."""
    result: Mapped[str | None] = mapped_column(Text)
    """What the last run did, in a few words."""
    error: Mapped[str | None] = mapped_column(Text)
    next_at: Mapped[int | None]
    generation: Mapped[int | None]
    """Of the leader that ran it last."""
    runs: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    """Failed runs since the last good one."""
    asked: Mapped[int] = mapped_column(default=0)
    """Counts the requests for a run; a run that began after the n-th request sets `answered` to n."""
    answered: Mapped[int] = mapped_column(default=0)


class WorkerState(Model):
    """What one worker said of itself when it was last heard of."""

    __tablename__ = "worker_states"

    worker: Mapped[str] = mapped_column(String(120), primary_key=True)
    started_at: Mapped[int]
    seen_at: Mapped[int]
    gauges: Mapped[str] = mapped_column(Text)
    """JSON object: name -> number, and `key_id`: which encryption key it seals with."""
