"""Server-side sessions."""

import pytest
from sqlalchemy import select

from app.access import sessions, users
from app.access.models import UserSession
from app.access.users import NewUser, UserView
from app.audit import SYSTEM, Actor, AuditEntry
from app.clock import now_ms
from app.db import reading

ANN = Actor("ann")


@pytest.fixture
def ann(app: object) -> UserView:
    return users.create_user(NewUser("ann", "correct horse battery", "viewer"), SYSTEM)


def later(monkeypatch: pytest.MonkeyPatch, by_ms: int) -> None:
    at = now_ms() + by_ms
    monkeypatch.setattr("app.access.sessions.now_ms", lambda: at)


def test_cookie_opens_the_session_of_its_user(ann: UserView) -> None:
    found = sessions.look_up(sessions.create(ann.id, "192.0.2.1", "Mozilla/5.0\x00 (x)"))
    assert found is not None
    assert (found.user_id, found.user_name, found.role) == (ann.id, "ann", "viewer")
    assert (found.address, found.agent) == ("192.0.2.1", "Mozilla/5.0 (x)")


def test_cookie_is_random_and_only_its_digest_is_stored(ann: UserView) -> None:
    one, other = (sessions.create(ann.id, None, None) for _ in range(2))
    assert one != other
    assert len(one) >= 43
    with reading() as session:
        stored = set(session.execute(select(UserSession.digest)).scalars())
    assert stored == {sessions.digest_of(one), sessions.digest_of(other)}


@pytest.mark.parametrize("cookie", ["", "x", "ü", "\udcff", "x" * 10_000])
def test_other_cookies_open_nothing(ann: UserView, cookie: str) -> None:
    sessions.create(ann.id, None, None)
    assert sessions.look_up(cookie) is None


def test_idle_session_is_over(ann: UserView, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = sessions.create(ann.id, None, None)
    later(monkeypatch, sessions.IDLE_MS + 1000)
    assert sessions.look_up(cookie) is None
    assert sessions.of_user(ann.id) == ()


def test_used_session_lives_on_but_not_for_ever(ann: UserView, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = sessions.create(ann.id, None, None)
    step = sessions.IDLE_MS - 60_000
    begun = now_ms()
    at = begun
    while at + step < begun + sessions.ABSOLUTE_MS:
        at += step
        monkeypatch.setattr("app.access.sessions.now_ms", lambda at=at: at)
        assert sessions.look_up(cookie) is not None
    monkeypatch.setattr("app.access.sessions.now_ms", lambda: begun + sessions.ABSOLUTE_MS + 1000)
    assert sessions.look_up(cookie) is None


def test_role_is_the_one_of_now(ann: UserView) -> None:
    cookie = sessions.create(ann.id, None, None)
    users.set_role("ann", "admin", SYSTEM)
    found = sessions.look_up(cookie)
    assert found is not None
    assert found.role == "admin"


def test_logging_out_ends_one_session(ann: UserView) -> None:
    here, there = (sessions.create(ann.id, None, None) for _ in range(2))
    sessions.revoke(here, ANN)
    assert sessions.look_up(here) is None
    assert sessions.look_up(there) is not None
    with reading() as session:
        entry = session.execute(select(AuditEntry).order_by(AuditEntry.id.desc())).scalars().first()
    assert entry is not None
    assert (entry.action, entry.subject) == ("user.log_out", "ann")


def test_all_others_can_be_ended(ann: UserView) -> None:
    here, *others = (sessions.create(ann.id, None, None) for _ in range(3))
    assert sessions.revoke_all(ann.id, ANN, keep=here) == 2
    assert sessions.look_up(here) is not None
    assert [sessions.look_up(other) for other in others] == [None, None]
    assert sessions.revoke_all(ann.id, ANN) == 1


def test_session_of_another_user_cannot_be_ended_by_its_digest(ann: UserView) -> None:
    bob = users.create_user(NewUser("bob", "correct horse battery"), SYSTEM)
    cookie = sessions.create(ann.id, None, None)
    assert not sessions.revoke_digest(bob.id, sessions.digest_of(cookie), ANN)
    assert sessions.revoke_digest(ann.id, sessions.digest_of(cookie), ANN)
    assert sessions.look_up(cookie) is None


def test_new_session_sweeps_those_that_are_over(ann: UserView, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions.create(ann.id, None, None)
    later(monkeypatch, sessions.ABSOLUTE_MS + 1)
    sessions.create(ann.id, None, None)
    with reading() as session:
        assert len(session.execute(select(UserSession)).all()) == 1


def test_end_is_told(ann: UserView) -> None:
    found = sessions.look_up(sessions.create(ann.id, None, None))
    assert found is not None
    assert found.ends_at == found.seen_at + sessions.IDLE_MS
