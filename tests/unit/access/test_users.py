"""People who may log in."""

import pytest
from sqlalchemy import select

from app.access import sessions, users
from app.access.models import User
from app.access.users import NewUser
from app.audit import Actor, AuditEntry
from app.db import reading
from app.errors import Conflict, InvalidInput, NotAuthenticated, NotFound

ROOT = Actor("cli:root")
PASSWORD = "correct horse battery"

pytestmark = pytest.mark.usefixtures("app")


def test_user_is_known_by_the_password() -> None:
    made = users.create_user(NewUser("ann", PASSWORD), ROOT)
    assert users.check_password("ann", PASSWORD) == made
    assert (made.role, made.is_disabled, made.last_login_at) == ("admin", False, None)
    assert users.user(made.id) == made


@pytest.mark.parametrize(
    ("name", "password"),
    [
        pytest.param("ann", "wrong horse battery", id="password"),
        pytest.param("bob", PASSWORD, id="name"),
        pytest.param("ANN", PASSWORD, id="case of the name"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_every_wrong_pair_gets_the_same_answer(name: str, password: str) -> None:
    users.create_user(NewUser("ann", PASSWORD), ROOT)
    with pytest.raises(NotAuthenticated, match=r"^The name or the password is wrong\.$"):
        users.check_password(name, password)


def test_only_the_hash_is_stored() -> None:
    users.create_user(NewUser("ann", PASSWORD), ROOT)
    with reading() as session:
        row = session.execute(select(User)).scalar_one()
        entries = [(one.subject, one.detail) for one in session.execute(select(AuditEntry)).scalars()]
    assert row.password.startswith("$argon2id$")
    assert PASSWORD not in repr((entries, NewUser("ann", PASSWORD), users.all_users()))


@pytest.mark.parametrize(
    ("new", "field"),
    [
        pytest.param(NewUser("", PASSWORD), "name", id="name"),
        pytest.param(NewUser("ann", "short"), "password", id="password"),
        pytest.param(NewUser("ann", PASSWORD, "client"), "role", id="role"),
    ],
)
def test_wrong_entry_is_refused_with_its_field(new: NewUser, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.create_user(new, ROOT)
    assert list(refused.value.details) == [field]


def test_name_is_given_once() -> None:
    users.create_user(NewUser("ann", PASSWORD), ROOT)
    with pytest.raises(Conflict):
        users.create_user(NewUser("ann", PASSWORD, "viewer"), ROOT)


def test_new_password_replaces_the_old_one_and_ends_all_sessions() -> None:
    ann = users.create_user(NewUser("ann", PASSWORD), ROOT)
    bob = users.create_user(NewUser("bob", PASSWORD), ROOT)
    cookies = [sessions.create(user, None, None) for user in (ann.id, ann.id, bob.id)]
    users.set_password("ann", "another long one", ROOT)
    assert [sessions.look_up(cookie) is not None for cookie in cookies] == [False, False, True]
    assert users.check_password("ann", "another long one").name == "ann"
    with pytest.raises(NotAuthenticated):
        users.check_password("ann", PASSWORD)


def test_disabled_user_is_shut_out_until_enabled() -> None:
    users.create_user(NewUser("root", PASSWORD), ROOT)
    ann = users.create_user(NewUser("ann", PASSWORD), ROOT)
    cookie = sessions.create(ann.id, None, None)
    assert users.disable("ann", ROOT).is_disabled
    assert sessions.look_up(cookie) is None
    with pytest.raises(NotAuthenticated):
        users.check_password("ann", PASSWORD)
    assert not users.enable("ann", ROOT).is_disabled
    assert users.check_password("ann", PASSWORD).name == "ann"
    assert sessions.look_up(cookie) is None


def test_last_admin_stays_admin_and_enabled() -> None:
    users.create_user(NewUser("ann", PASSWORD), ROOT)
    users.create_user(NewUser("eve", PASSWORD, "viewer"), ROOT)
    for refuse in (lambda: users.disable("ann", ROOT), lambda: users.set_role("ann", "viewer", ROOT)):
        with pytest.raises(Conflict, match="last admin"):
            refuse()
    users.set_role("eve", "admin", ROOT)
    assert users.set_role("ann", "viewer", ROOT).role == "viewer"
    assert users.has_admin()


def test_there_is_no_admin_before_one_is_created() -> None:
    assert not users.has_admin()
    users.create_user(NewUser("eve", PASSWORD, "viewer"), ROOT)
    assert not users.has_admin()


def test_unknown_user_brings_the_nearest_one() -> None:
    users.create_user(NewUser("annette", PASSWORD), ROOT)
    with pytest.raises(NotFound, match="Did you mean annette"):
        users.set_role("anette", "viewer", ROOT)


def test_changes_are_audited() -> None:
    users.create_user(NewUser("root", PASSWORD), ROOT)
    users.create_user(NewUser("ann", PASSWORD), ROOT)
    users.set_role("ann", "viewer", ROOT)
    users.set_password("ann", "another long one", ROOT)
    users.disable("ann", ROOT)
    with reading() as session:
        entries = session.execute(select(AuditEntry).order_by(AuditEntry.id)).scalars().all()
    assert [(one.actor, one.action, one.subject) for one in entries[1:]] == [
        ("cli:root", f"user.{verb}", "ann") for verb in ("create", "set_role", "set_password", "disable")
    ]
