"""Upkeep of the recorded history over the API, the doctor, and facts about this process."""

import platform
import sys
from dataclasses import dataclass
from typing import Literal

from flask import Blueprint

from app.api.jobs import Asked
from app.api.operations import operation
from app.api.rules import Time
from app.background import jobs
from app.checkup import Check, examine
from app.db import db
from app.gate.visitors import actor
from app.runtime import runtime
from app.schema import revision
from app.server import cooperative
from app.usage import reprice as repricing
from app.usage.reprice import Repricing
from app.usage.upkeep import Analysis, analyze, clear_history
from app.version import VERSION

maintenance = Blueprint("maintenance", __name__)


@dataclass(frozen=True, slots=True)
class Clearance:
    """The consent to lose the history: `confirm` is `clear history`."""

    confirm: Literal["clear history"]


@dataclass(frozen=True, slots=True)
class Cleared:
    """How many records went."""

    success: bool
    requests: int


@dataclass(frozen=True, slots=True)
class WhichRequests:
    """Requests that began in a time, `to` exclusive; without either, all of them."""

    from_: Time | None = None
    to: Time | None = None


@dataclass(frozen=True, slots=True)
class Checkup:
    """What the doctor found. `ok`: nothing failed."""

    ok: bool
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """What runs here."""

    version: str
    python: str
    platform: str
    database: str
    revision: str | None
    started_at: int
    workers: int


@maintenance.post("/maintenance/cleanup")
@operation(status=202)
def clean_up() -> Asked:
    """Ask the leader to forget now what is older than it is to be kept."""
    jobs.request_run("retention")
    return Asked(True, "retention")


@maintenance.post("/maintenance/analyze")
@operation()
def measure() -> Analysis:
    """Measure the database and refresh the statistics that queries are planned by."""
    return analyze()


@maintenance.post("/maintenance/clear-history")
@operation()
def clear(body: Clearance) -> Cleared:
    """Delete the records of all requests that have ended."""
    return Cleared(True, clear_history(actor()))


@maintenance.get("/maintenance/reprice")
@operation()
def all_repricings() -> tuple[Repricing, ...]:
    """List what was asked to be priced anew and has not ended, with how much of it is done."""
    return repricing.asked()


@maintenance.post("/maintenance/reprice")
@operation(status=202)
def reprice(body: WhichRequests) -> Asked:
    """Ask the leader to compute the cost of recorded requests anew, with the prices of now.

    `GET` on the same path tells how far it is, /api/jobs what it came to.
    """
    repricing.ask(actor(), body.from_, body.to)
    jobs.request_run(jobs.REPRICE)
    return Asked(True, jobs.REPRICE)


@maintenance.get("/maintenance/doctor")
@cooperative
@operation()
def doctor() -> Checkup:
    """Look at database, keys, clock, every account's host, prices and disk. It asks each host once, within 15 s."""
    checks = examine(runtime())
    return Checkup(all(check.result != "fail" for check in checks), checks)


@maintenance.get("/system/info")
@operation()
def system_info() -> SystemInfo:
    """Tell what runs here."""
    run = runtime()
    return SystemInfo(
        VERSION,
        sys.version.split()[0],
        platform.system(),
        db.engine.dialect.name,
        revision(),
        run.started_at,
        run.settings.workers,
    )
