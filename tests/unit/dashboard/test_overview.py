import re
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from app.accounts import service
from app.accounts.overview import AccountView
from app.audit import SYSTEM, Actor
from app.clock import now_ms
from app.dashboard.overview import Beats
from app.runtime import runtime
from app.usage.feed import News
from app.usage.spans import DAY_MS, HOUR_MS
from tests.unit.usage.records import attempt, end, put

Add = Callable[..., AccountView]


def test_first_look_says_what_to_do(admin: FlaskClient, add: Add) -> None:
    text = admin.get("/dashboard").text
    assert "There is no account yet." in text
    assert "flask ccflare add-account work --mode max" in text
    add("work")
    runtime().pool.load()
    text = admin.get("/dashboard").text
    assert "export ANTHROPIC_BASE_URL=http://localhost" in text
    assert "add-account" not in text


def test_page_tells_who_serves_what_it_cost_and_what_failed(viewer: FlaskClient, add: Add) -> None:
    add("work")
    runtime().pool.load()
    at = now_ms() - 1000
    put(end(at), end(at + 1, status=529, error="Overloaded", attempts=[attempt(1, "overloaded", 529)]))
    text = viewer.get("/dashboard").text
    assert "<strong>work</strong> serves now: it is first in line." in text
    assert "The provider was overloaded" in text
    assert "$0.00" in text


def test_parts_come_without_the_frame(viewer: FlaskClient) -> None:
    for part in ("now", "figures"):
        text = viewer.get(f"/dashboard/overview/{part}").text
        assert text.lstrip().startswith(f'<section id="{part}"')


def test_frame_follows_what_the_page_tells(viewer: FlaskClient, add: Add) -> None:
    service.pause(add("work").id, None, SYSTEM)
    runtime().pool.load()
    text = viewer.get("/dashboard/overview/now").text
    assert "No account can serve now." in text
    assert re.search(r'<a id="pulse" [^>]*hx-swap-oob="true".*No account can serve</span>', text)
    assert 'hx-trigger="tick from:body' in viewer.get("/dashboard/pulse").text


def test_failures_of_today_lead_to_those_since_midnight(viewer: FlaskClient, add: Add) -> None:
    add("work")
    put(end(now_ms() - 1, status=500))
    viewer.set_cookie("ccflare_offset", "60")
    found = re.search(r"/dashboard/requests\?failed=1&amp;from=(\d+)", viewer.get("/dashboard").text)
    assert found is not None
    assert (int(found[1]) + HOUR_MS) % DAY_MS == 0
    assert 0 <= now_ms() - int(found[1]) < DAY_MS


def test_commands_in_advice_are_shown_as_such(viewer: FlaskClient, add: Add) -> None:
    add("work")
    put(end(now_ms() - 1000, status=502, attempts=[attempt(1, "upstream", 502)]))
    assert "<code>flask ccflare doctor</code> tells" in viewer.get("/dashboard").text


def test_requests_that_came_to_no_account_are_no_trouble_of_theirs(viewer: FlaskClient, add: Add) -> None:
    add("work")
    runtime().pool.load()
    at, nobody = now_ms() - 1000, {"account_id": None, "account_name": None, "provider": None, "outcome": "refused"}
    put(end(at), *(end(at + 1 + n, status=401, **nobody) for n in range(9)))
    assert "Healthy. The account is ready." in viewer.get("/dashboard").text
    put(*(end(at + 20 + n, status=503, **nobody) for n in range(9)))
    assert "9 of the last 10 requests failed." in viewer.get("/dashboard").text


def test_accounts_that_are_not_shown_are_counted(viewer: FlaskClient, add: Add) -> None:
    accounts = [add(f"account {number:02}") for number in range(11)]
    service.pause(accounts[9].id, None, SYSTEM)
    runtime().pool.load()
    text = viewer.get("/dashboard/overview/now").text
    assert "and 3 more accounts</a>" in text
    assert "1 of which cannot serve now" in text


def test_account_that_is_passed_over_is_told_in_plain_words(viewer: FlaskClient, add: Add) -> None:
    service.pause(add("work").id, "rests", Actor("ada", None))
    add("spare", priority=5)
    runtime().pool.load()
    text = viewer.get("/dashboard/overview/now").text
    assert "work: paused by ada: rests." in text
    assert "<strong>spare</strong> serves now: it is first in line." in text


class Source:
    """A feed."""

    number = 5

    def since(self, _number: int | None) -> News:
        return News((), self.number)


def test_change_of_an_account_is_a_beat(app: Flask, add: Add) -> None:
    pool = runtime().pool
    work = add("work")
    pool.load()
    beats = Beats(Source(), pool)  # type: ignore[arg-type]
    assert [beats.look() for _ in range(12)] == [()] * 12
    service.pause(work.id, None, SYSTEM)
    pool.load()
    told = [event.name for _ in range(12) for event in beats.look()]
    assert told == ["beat", "accounts"]


def test_beat_comes_when_something_changed_and_not_too_often(app: Flask) -> None:
    source = Source()
    beats = Beats(source, runtime().pool)  # type: ignore[arg-type]
    assert beats.look() == ()
    source.number = 6
    told = [bool(beats.look()) for _ in range(12)]
    assert told.count(True) == 1
    assert not told[0]
