"""How the jobs fare, as the database knows it: read by everyone, written by the leader, asked for by anyone."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select, update

from app.background.leader import Holder, Leader, current
from app.background.models import JobState
from app.background.work import Done, Job
from app.clock import now_ms
from app.db import reading, transaction
from app.redaction import redact
from app.upserts import insert_new

Outcome = Literal["never", "running", "interrupted", "ok", "failed"]
_MAX_ERROR = 1000


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it. `is_waiting`: somebody asked for a run that has not begun."""

    name: str
    what: str
    every_s: float
    outcome: Outcome
    result: str | None
    error: str | None
    started_at: int | None
    ended_at: int | None
    duration_ms: int | None
    next_at: int | None
    runs: int
    failures: int
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class Background:
    """All jobs, and who runs them. `leader` None: no server is up."""

    leader: str | None
    jobs: tuple[JobView, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a leader needs to know of one job. `is_asked`: somebody wants a run that has not ended."""

    next_at: int | None
    is_asked: bool


def background(jobs: tuple[Job, ...]) -> Background:
    """Return every job with how it fares. Call inside an app context."""
    holder = current()
    with reading() as session:
        rows = {row.name: row for row in session.execute(select(JobState)).scalars()}
    views = tuple(_view(job, rows.get(job.name), holder) for job in jobs)
    return Background(holder.owner if holder is not None and holder.is_alive else None, views)


def ask(job: Job) -> int:
    """Ask the leader to run a job now; return the ticket by which `is_answered` knows the run."""
    with transaction() as session:
        insert_new(session, JobState, [_blank(job.name)], ["name"])
        more = update(JobState).where(JobState.name == job.name).values(asked=JobState.asked + 1)
        return session.execute(more.returning(JobState.asked)).scalar_one()


def is_answered(job: Job, ticket: int) -> bool:
    """Whether a run that began after the request has ended."""
    with reading() as session:
        row = session.get(JobState, job.name)
        return row is not None and row.answered >= ticket


def schedules() -> dict[str, Schedule]:
    """Return when each job that ever ran is due, and which ones are asked for."""
    with reading() as session:
        return {
            row.name: Schedule(row.next_at, row.asked > row.answered)
            for row in session.execute(select(JobState)).scalars()
        }


def note_start(leader: Leader, job: Job) -> int:
    """Write down that a run began; return the newest request that it answers. Raises NotLeading."""
    with leader.transaction() as session:
        insert_new(session, JobState, [_blank(job.name)], ["name"])
        begun = update(JobState).where(JobState.name == job.name)
        begun = begun.values(started_at=now_ms(), ended_at=None, outcome="running", generation=leader.generation)
        return session.execute(begun.returning(JobState.asked)).scalar_one()


def note_end(leader: Leader, job: Job, ticket: int, done: Done | str, next_at: int) -> None:
    """Write down how a run ended: what it did, or the text of its error. Raises NotLeading."""
    is_good = isinstance(done, Done)
    with leader.transaction() as session:
        session.execute(
            update(JobState)
            .where(JobState.name == job.name)
            .values(
                ended_at=now_ms(),
                outcome="ok" if is_good else "failed",
                result=done.result if isinstance(done, Done) else None,
                error=None if isinstance(done, Done) else redact(done)[:_MAX_ERROR],
                next_at=next_at,
                runs=JobState.runs + 1,
                failures=0 if is_good else JobState.failures + 1,
                answered=ticket,
            )
        )


def _blank(name: str) -> dict[str, object]:
    return {"name": name, "runs": 0, "failures": 0, "asked": 0, "answered": 0}


def _view(job: Job, row: JobState | None, holder: Holder | None) -> JobView:
    if row is None:
        return JobView(job.name, job.what, job.every_s, "never", None, None, None, None, None, None, 0, 0, False)
    has_both = row.started_at is not None and row.ended_at is not None
    return JobView(
        name=job.name,
        what=job.what,
        every_s=job.every_s,
        outcome=_outcome(row, holder),
        result=row.result,
        error=row.error,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_ms=max(0, (row.ended_at or 0) - (row.started_at or 0)) if has_both else None,
        next_at=row.next_at,
        runs=row.runs,
        failures=row.failures,
        is_waiting=row.asked > row.answered and row.outcome != "running",
    )


def _outcome(row: JobState, holder: Holder | None) -> Outcome:
    match row.outcome:
        case "ok":
            return "ok"
        case "failed":
            return "failed"
        case "running":
            is_run = holder is not None and holder.is_alive and holder.generation == row.generation
            return "running" if is_run else "interrupted"
        case _:
            return "never"
