"""Jobs and upkeep over the API."""

from tests.unit.api.conftest import Call


def test_run_is_asked_for(call: Call) -> None:
    assert call("POST", "/api/jobs/retention/run").status_code == 202
    found = {job["name"]: job for job in call("GET", "/api/jobs").get_json()["jobs"]}
    assert found["retention"]["isWaiting"] is True
    assert call("POST", "/api/jobs/dishes/run").status_code == 404
