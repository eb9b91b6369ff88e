"""Background work of the real server: one leader, polls, the history of windows, auto-refresh, retention."""

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.background import jobs
from app.background.states import JobView
from tests.fakes.upstream import Upstream, status, usage
from tests.integration.calls import ask
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server, eventually

USAGE = "/api/oauth/usage"
MESSAGES = "/v1/messages"
TAKEOVER_S = 20

Inside = Callable[[Server], Installation]
Make = Callable[..., Server]


@pytest.fixture
def site(new_server: Make, inside: Inside) -> Installation:
    return inside(new_server())


def log_in(site: Installation, upstream: Upstream, name: str = "sub") -> str:
    """Add a subscription with a fresh token, wait until every worker has it, and return its access token."""
    pair = upstream.issue_tokens(account=name)
    site.add_subscription(name, pair)
    return str(pair["access_token"])


def listed(site: Installation, name: str = "sub") -> dict[str, Any]:
    (found,) = [one for one in site.run("list", "--json").json() if one["name"] == name]
    return dict(found)


def window(site: Installation, kind: str = "5h") -> dict[str, Any]:
    return next((one for one in listed(site)["windows"] if one["kind"] == kind), {})


def run_job(site: Installation, name: str) -> JobView:
    """Ask the server from another process to run a job, and return how it went."""
    leader_of(site)
    with site.entered():
        view, is_here = jobs.run_now(name, within_s=60)
    assert not is_here
    return view


def leader_of(site: Installation) -> tuple[int, int]:
    """Return process id and generation of the leader, as soon as there is one."""
    (row,) = eventually(lambda: site.rows("SELECT owner, generation FROM leases WHERE until > 0"))
    return int(row["owner"].split(":")[-2]), row["generation"]


def test_killed_leader_is_followed_by_another_within_20_s(site: Installation) -> None:
    pid, generation = leader_of(site)
    assert pid in site.server.worker_pids()
    site.server.signal(signal.SIGKILL, pid)
    killed_at = time.monotonic()
    eventually(lambda: leader_of(site)[1] > generation, timeout_s=TAKEOVER_S)
    assert time.monotonic() - killed_at <= TAKEOVER_S
    successor, _ = leader_of(site)
    assert successor != pid
    assert successor in site.server.worker_pids()
    assert run_job(site, "window-history").outcome == "ok"


def test_leader_that_stops_in_order_is_followed_at_once(site: Installation) -> None:
    pid, generation = leader_of(site)
    site.server.signal(signal.SIGTERM, pid)
    eventually(lambda: leader_of(site)[1] > generation, timeout_s=10)


def test_jobs_run_by_themselves_and_show_it(site: Installation) -> None:
    eventually(lambda: site.scalar("SELECT count(*) FROM jobs WHERE outcome = 'ok'") == len(jobs.JOBS), timeout_s=20)
    shown = site.server.cli("jobs", "--json").json()
    assert shown["leader"]
    assert {job["outcome"] for job in shown["jobs"]} <= {"ok", "running"}


def test_windows_come_from_polls_and_from_headers_and_say_so(site: Installation, upstream: Upstream) -> None:
    upstream.script("*", usage(five_hour=42.0), on="usage", forever=True)
    token = log_in(site, upstream)
    run_job(site, "poll-windows")
    polled = window(site)
    assert (polled["utilization"], polled["source"]) == (0.42, "poll")
    assert polled["age_ms"] >= 0
    upstream.set_windows(token, five_hour=0.5)
    assert ask(site.server).status == 200
    eventually(lambda: site.scalar("SELECT source FROM account_windows WHERE kind = '5h'") == "header")
    seen = window(site)
    assert (seen["source"], seen["utilization"]) == ("header", pytest.approx(0.5, abs=0.01))
    run_job(site, "window-history")
    values = site.rows("SELECT utilization, source FROM window_samples WHERE kind = '5h' ORDER BY at")
    assert values[-1]["source"] == "header"


def test_429_of_the_usage_endpoint_is_waited_out_while_the_account_serves(
    site: Installation, upstream: Upstream
) -> None:
    upstream.script("*", status(429, retry_after=600), on="usage", forever=True)
    log_in(site, upstream)
    for _ in range(3):
        run_job(site, "poll-windows")
    assert len(upstream.requests(path=USAGE)) == 1
    assert listed(site)["health"]["state"] == "ok"
    assert ask(site.server).status == 200
    assert site.scalar("SELECT next_at - at FROM account_turns WHERE job = 'poll-windows'") == 600_000


def test_auto_refresh_is_off_until_it_is_switched_on_and_never_hidden(site: Installation, upstream: Upstream) -> None:
    upstream.script("*", usage("nulls"), on="usage", forever=True)
    log_in(site, upstream)
    run_job(site, "auto-refresh")
    assert upstream.requests(path=MESSAGES) == []
    assert site.run("auto-refresh", "sub", "on").code == 0
    run_job(site, "auto-refresh")
    run_job(site, "auto-refresh")
    (seen,) = upstream.requests(path=MESSAGES)
    assert (seen.header("user-agent") or "").startswith("ccflare/")
    record = site.final("SELECT * FROM requests WHERE is_synthetic")
    assert (record["account_name"], record["outcome"], record["status"]) == ("sub", "complete", 200)
    (account,) = site.rows("SELECT request_count, session_start FROM accounts")
    assert account == {"request_count": 0, "session_start": None}
    assert site.scalar("SELECT reset_at FROM account_windows WHERE kind = '5h'") > time.time() * 1000


def test_background_work_leaves_a_pause_as_it_is(site: Installation, upstream: Upstream) -> None:
    log_in(site, upstream)
    assert site.run("pause", "sub", "--reason", "overage").code == 0
    assert site.run("auto-refresh", "sub", "on").code == 0
    before = listed(site)
    for job in jobs.JOBS:
        assert run_job(site, job.name).outcome == "ok"
    after = listed(site)
    assert upstream.requests(path=USAGE)
    assert upstream.requests(path=MESSAGES) == []
    assert after["health"] == before["health"]
    assert (after["health"]["state"], after["health"]["reason"]) == ("paused", "overage")
    assert after["paused_at"] == before["paused_at"]


def test_retention_keeps_stored_bodies_below_their_limit(new_server: Make, inside: Inside, upstream: Upstream) -> None:
    limit = 6000
    site = inside(new_server(CCFLARE_PAYLOAD_STORE_MAX_BYTES=str(limit)))
    site.accounts("a")
    assert key_of("a")
    for number in range(12):
        assert ask(site.server, prompt=f"{number} " + "words " * 200).status == 200
    eventually(lambda: site.scalar("SELECT count(*) FROM requests WHERE outcome = 'complete'") == 12)
    ran = site.server.cli("jobs", "run", "retention", "--json").json()
    assert (ran["ran_in"], ran["job"]["outcome"]) == ("server", "ok")
    kept = site.rows("SELECT request_id, size FROM payloads ORDER BY request_id")
    assert 0 < len(kept) < 12
    assert sum(row["size"] for row in kept) <= limit
    newest = site.rows("SELECT id FROM requests ORDER BY id DESC LIMIT ?", len(kept))
    assert {row["request_id"] for row in kept} == {row["id"] for row in newest}
    assert site.scalar("SELECT count(*) FROM requests") == 12
