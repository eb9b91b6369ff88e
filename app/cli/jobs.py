"""Commands on the background jobs."""

import click
from flask.cli import AppGroup

from app.background import jobs as background
from app.background.jobs import JOBS
from app.background.states import JobView
from app.cli import output
from app.cli.group import commands
from app.cli.output import json_option
from app.clock import now_ms


@click.group("jobs", cls=AppGroup, invoke_without_command=True)
@json_option
@click.pass_context
def jobs(ctx: click.Context) -> None:
    """Show the background jobs, or run one."""
    if ctx.invoked_subcommand is not None:
        return
    found = background.overview()
    output.show(found, lambda: _table(found.leader, found.jobs))


commands.add_command(jobs)


@jobs.command("run")
@click.argument("name", type=click.Choice([job.name for job in JOBS]), metavar="NAME")
@click.option("--wait", "within_s", type=click.FloatRange(1, 86_400), default=300, show_default=True, metavar="SECONDS")
@json_option
@click.pass_context
def run(ctx: click.Context, name: str, within_s: float) -> None:
    """Run a job now, in the server where one is up, and show how it went."""
    view, is_here = background.run_now(name, within_s)
    where = "No server is up; it ran here." if is_here else "The server ran it."
    output.show(
        {"ran_in": "command" if is_here else "server", "job": view},
        lambda: f"{where} {_outcome(view)}: {view.error or view.result or ''} ({_took(view)})",
    )
    if view.outcome != "ok":
        ctx.exit(1)


def _table(leader: str | None, found: tuple[JobView, ...]) -> str:
    now = now_ms()
    rows = [
        (
            job.name,
            _outcome(job),
            output.when(job.started_at, now),
            _took(job),
            output.when(job.next_at, now) if leader else output.NOTHING,
            job.error or job.result or job.what,
        )
        for job in found
    ]
    led = f"Led by {leader}." if leader else "No server is up; nothing runs by itself."
    return f"{output.table(('JOB', 'OUTCOME', 'STARTED', 'TOOK', 'NEXT', 'RESULT'), rows)}\n\n{led}"


def _outcome(job: JobView) -> str:
    return f"failed ({job.failures})" if job.outcome == "failed" and job.failures > 1 else job.outcome


def _took(job: JobView) -> str:
    if job.duration_ms is None:
        return output.NOTHING
    return f"{job.duration_ms} ms" if job.duration_ms < 1000 else output.span(job.duration_ms)
