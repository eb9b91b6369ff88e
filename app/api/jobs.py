"""Background jobs over the API: how they fare, and a run out of turn."""

from dataclasses import dataclass

from flask import Blueprint

from app.api.operations import operation
from app.background import jobs as room
from app.background.states import Background

jobs = Blueprint("jobs", __name__, url_prefix="/jobs")


@dataclass(frozen=True, slots=True)
class Asked:
    """A run that was asked for; /api/jobs tells when it has ended."""

    success: bool
    job: str


@jobs.get("")
@operation()
def all_jobs() -> Background:
    """List every background job with its last run, and who leads."""
    return room.overview()


@jobs.post("/<name>/run")
@operation(status=202, errors=(404,))
def run_job(name: str) -> Asked:
    """Ask the leader to run a job now, without waiting for it."""
    room.request_run(name)
    return Asked(True, name)
