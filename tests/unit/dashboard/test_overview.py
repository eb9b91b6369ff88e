from collections.abc import Callable

from flask.testing import FlaskClient

from app.accounts.overview import AccountView
from app.clock import now_ms
from app.dashboard.overview import Beats
from app.runtime import runtime
from app.usage.feed import News
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
    assert "<strong>work</strong> serves now: the best account starts a session." in text
    assert "The provider was overloaded" in text
    assert "$0.00" in text


def test_parts_come_without_the_frame(viewer: FlaskClient) -> None:
    for part in ("now", "figures"):
        text = viewer.get(f"/dashboard/overview/{part}").text
        assert text.lstrip().startswith(f'<section id="{part}"')


def test_beat_comes_when_something_changed_and_not_too_often() -> None:
    class Source:
        number = 5

        def since(self, number: int | None) -> News:
            return News((), self.number)

    source = Source()
    beats = Beats(source)  # type: ignore[arg-type]
    assert beats.look() == ()
    source.number = 6
    told = [bool(beats.look()) for _ in range(12)]
    assert told.count(True) == 1
    assert not told[0]
