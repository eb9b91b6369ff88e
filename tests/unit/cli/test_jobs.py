"""Commands on the background jobs."""

import pytest

from app.background import jobs as background
from app.background.jobs import JOBS
from app.background.leader import Leader
from app.background.work import Done, Job, Work
from tests.unit.cli.conftest import Run


def test_every_job_is_listed_with_how_it_fared(run: Run) -> None:
    run("jobs", "run", "payload-size")
    listed = run("jobs", "--json").json
    assert listed["leader"] is None
    assert [job["name"] for job in listed["jobs"]] == [job.name for job in JOBS]
    (ran,) = [job for job in listed["jobs"] if job["name"] == "payload-size"]
    assert (ran["outcome"], ran["result"], ran["runs"]) == ("ok", "0 bodies removed", 1)
    assert {job["outcome"] for job in listed["jobs"]} == {"ok", "never"}


def test_people_see_who_leads_or_that_nobody_does(run: Run) -> None:
    assert "No server is up" in run("jobs").out
    Leader("this-host:1:x").keep()
    assert "Led by this-host:1:x." in run("jobs").out


def test_run_without_a_server_says_so(run: Run) -> None:
    ran = run("jobs", "run", "retention")
    assert ran.status == 0
    assert ran.out.startswith("No server is up; it ran here. ok: 0 bodies, ")
    assert run("jobs", "run", "retention", "--json").json["ran_in"] == "command"


def test_job_that_fails_ends_with_1_and_its_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(work: Work) -> Done:
        raise OSError("disk full")

    monkeypatch.setattr(background, "JOBS", (Job("retention", 60, "Fails", fail),))
    ran = run("jobs", "run", "retention")
    assert ran.status == 1
    assert "failed: OSError: disk full" in ran.out


def test_unknown_job_is_a_usage_error_that_names_all(run: Run) -> None:
    ran = run("jobs", "run", "sweeping")
    assert ran.status == 2
    assert "window-history" in ran.err


def test_server_that_does_not_answer_in_time_is_told(run: Run) -> None:
    Leader("busy").keep()
    ran = run("jobs", "run", "retention", "--wait", "1")
    assert ran.status == 1
    assert "has not finished retention within 1 s" in ran.err
