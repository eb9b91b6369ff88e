"""Upkeep of the recorded history over the API, and facts about this process."""

import platform
import sys
from dataclasses import dataclass
from typing import Literal

from flask import Blueprint

from app.api.jobs import Asked
from app.api.operations import operation
from app.background import jobs
from app.db import db
from app.gate.visitors import actor
from app.runtime import runtime
from app.schema import revision
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
