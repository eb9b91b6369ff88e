from flask.testing import FlaskClient

from app.background import jobs


def test_job_is_asked_for(admin: FlaskClient) -> None:
    assert "retention" in admin.get("/dashboard/jobs").text
    assert admin.post("/dashboard/jobs/retention/run").location == "/dashboard/jobs"
    view = next(job for job in jobs.overview().jobs if job.name == "retention")
    assert view.is_waiting
    part = admin.get("/dashboard/jobs", headers={"HX-Request": "true"}).text
    assert "waiting" in part
    assert "every 1s" in part
    asked = admin.post("/dashboard/jobs/retention/run", headers={"HX-Request": "true"}).text
    assert asked.strip().startswith('<div id="jobs"')


def test_unknown_job_is_not_found(admin: FlaskClient) -> None:
    assert admin.post("/dashboard/jobs/none/run").status_code == 404


def test_viewer_runs_nothing(viewer: FlaskClient) -> None:
    assert "Run now" not in viewer.get("/dashboard/jobs").text
    assert viewer.post("/dashboard/jobs/retention/run").status_code == 403
