import pytest

from app.background.work import Done, Job

NOW = 1_790_000_000_000


@pytest.mark.parametrize("every_s", [30, 3600])
def test_runs_are_spread_around_their_interval(every_s: int) -> None:
    job = Job("any", every_s, "Does nothing", lambda _: Done(""))
    waits = {job.next_at(NOW) - NOW for _ in range(50)}
    assert len(waits) > 1
    assert all(0.8 * every_s * 1000 <= wait <= job.latest_at(NOW) - NOW for wait in waits)
