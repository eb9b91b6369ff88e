"""Log-ins and their throttle."""

import pytest
from sqlalchemy import func, select

from app.access import logins, users
from app.access.models import LoginAttempt
from app.access.users import NewUser
from app.audit import SYSTEM, AuditEntry
from app.clock import now_ms
from app.db import reading
from app.errors import InvalidInput, NotAuthenticated, TooMany

PASSWORD = "correct horse battery"
HERE = "192.0.2.1"


@pytest.fixture(autouse=True)
def ann(app: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """One user; hashing is as cheap as it gets, for it is not what is tested here."""
    monkeypatch.setattr("app.access.passwords._MEMORY_KIB", 8)
    monkeypatch.setattr("app.access.passwords._ITERATIONS", 1)
    users.create_user(NewUser("ann", PASSWORD), SYSTEM)


def fail(times: int, name: str = "ann", address: str | None = HERE) -> None:
    for _ in range(times):
        with pytest.raises(NotAuthenticated):
            logins.log_in(name, "wrong password", address)


def attempts() -> int:
    with reading() as session:
        return session.execute(select(func.count()).select_from(LoginAttempt)).scalar_one()


def test_log_in_is_noted() -> None:
    user = logins.log_in("ann", PASSWORD, HERE)
    at = (users.user(user.id) or user).last_login_at
    assert at is not None
    assert at <= now_ms()
    with reading() as session:
        entry = session.execute(select(AuditEntry).order_by(AuditEntry.id.desc())).scalars().first()
    assert entry is not None
    assert (entry.actor, entry.address, entry.action) == ("ann", HERE, "user.log_in")


def test_failure_is_noted_with_its_address() -> None:
    fail(1, "bob")
    with reading() as session:
        entry = session.execute(select(AuditEntry).order_by(AuditEntry.id.desc())).scalars().first()
    assert entry is not None
    assert (entry.action, entry.subject, entry.address) == ("user.log_in_failed", "bob", HERE)


def test_name_is_shut_after_its_failures_also_for_the_right_password_and_other_addresses() -> None:
    fail(logins.MAX_BY_NAME)
    with pytest.raises(TooMany) as refused:
        logins.log_in("ann", PASSWORD, "192.0.2.2")
    assert refused.value.retry_after_s is not None
    assert 0 < refused.value.retry_after_s <= logins.WINDOW_MS // 1000


def test_other_spelling_of_a_name_counts_for_the_same_one() -> None:
    fail(logins.MAX_BY_NAME, "ANN")
    with pytest.raises(TooMany):
        logins.log_in("ann", PASSWORD, HERE)


def test_address_is_shut_whatever_the_names() -> None:
    for number in range(logins.MAX_BY_ADDRESS):
        fail(1, f"user{number}")
    with pytest.raises(TooMany):
        logins.log_in("ann", PASSWORD, HERE)
    assert logins.log_in("ann", PASSWORD, "192.0.2.2").name == "ann"


def test_refused_attempt_does_not_lengthen_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    fail(logins.MAX_BY_NAME)
    before = attempts()
    with pytest.raises(TooMany):
        logins.log_in("ann", PASSWORD, HERE)
    assert attempts() == before


def test_name_opens_again_when_the_failures_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    fail(logins.MAX_BY_NAME)
    later = now_ms() + logins.WINDOW_MS
    monkeypatch.setattr("app.access.logins.now_ms", lambda: later)
    assert logins.log_in("ann", PASSWORD, HERE).name == "ann"


def test_success_clears_the_name_but_not_what_others_did_at_the_address() -> None:
    fail(3, "bob")
    fail(2)
    logins.log_in("ann", PASSWORD, HERE)
    with reading() as session:
        subjects = session.execute(select(LoginAttempt.subject)).scalars().all()
    assert sorted(subjects) == [f"address:{HERE}"] * 5 + ["name:bob"] * 3


def test_success_counts_for_nothing() -> None:
    for _ in range(logins.MAX_BY_ADDRESS + 1):
        logins.log_in("ann", PASSWORD, HERE)
    assert attempts() == 0


def test_address_may_be_unknown() -> None:
    assert logins.log_in("ann", PASSWORD, None).name == "ann"


def test_own_password_is_throttled_like_a_log_in() -> None:
    assert logins.check_own_password("ann", PASSWORD, HERE).name == "ann"
    for _ in range(logins.MAX_BY_NAME):
        with pytest.raises(InvalidInput) as error:
            logins.check_own_password("ann", "wrong", HERE)
        assert list(error.value.details) == ["former"]
    with pytest.raises(TooMany):
        logins.check_own_password("ann", PASSWORD, HERE)
    with pytest.raises(TooMany):
        logins.log_in("ann", PASSWORD, HERE)
