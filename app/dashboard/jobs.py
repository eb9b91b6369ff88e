"""Background jobs: how the last run of each went, and a run on demand."""

from flask import url_for
from flask.typing import ResponseReturnValue

from app.background import jobs as background
from app.dashboard import show
from app.dashboard.blueprints import dashboard


@dashboard.get("/jobs")
def jobs() -> ResponseReturnValue:
    """Show every job."""
    found = background.overview()
    if show.is_part():
        return show.part("partials/jobs/table.html", background=found)
    return show.page("pages/jobs.html", background=found)


@dashboard.post("/jobs/<name>/run")
def run_job(name: str) -> ResponseReturnValue:
    """Ask the leader to run a job now."""
    background.request_run(name)
    if show.is_part():
        return show.part("partials/jobs/table.html", background=background.overview())
    return show.done(url_for("dashboard.jobs"), f"{name} will run in a moment.")
