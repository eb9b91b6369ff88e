"""Commands on users."""

import pytest

from app.access import users
from app.errors import NotAuthenticated
from tests.unit.cli.conftest import Run

PASSWORD = "correct horse battery"


def test_created_user_is_an_admin_who_may_log_in(run: Run) -> None:
    assert run("create-user", "ann", "--password-stdin", given=f"{PASSWORD}\n").out == "Created ann, admin.\n"
    assert users.check_password("ann", PASSWORD).role == "admin"


def test_role_can_be_chosen(run: Run) -> None:
    made = run("create-user", "ann", "--role", "viewer", "--password-stdin", "--json", given=PASSWORD)
    assert (made.status, made.json["role"]) == (0, "viewer")


@pytest.mark.parametrize(
    ("arguments", "given", "status"),
    [
        pytest.param((), None, 2, id="no password and no terminal"),
        pytest.param(("--password-stdin",), "", 2, id="empty standard input"),
        pytest.param(("--password-stdin", "--role", "client"), PASSWORD, 2, id="role"),
        pytest.param(("--password-stdin",), "short", 1, id="weak password"),
    ],
)
def test_wrong_entry_creates_nobody(run: Run, arguments: tuple[str, ...], given: str | None, status: int) -> None:
    ran = run("create-user", "ann", *arguments, given=given)
    assert ran.status == status
    assert PASSWORD not in ran.out + ran.err
    assert run("users", "list", "--json").json == []


def test_user_is_changed(run: Run) -> None:
    for name in ("ann", "bob"):
        run("create-user", name, "--password-stdin", given=PASSWORD)
    assert run("set-password", "ann", "--password-stdin", given="another long one").status == 0
    with pytest.raises(NotAuthenticated):
        users.check_password("ann", PASSWORD)
    assert run("set-role", "ann", "viewer", "--json").json["role"] == "viewer"
    assert run("disable-user", "ann", "--json").json["is_disabled"] is True
    assert run("disable-user", "bob").status == 1
    assert run("enable-user", "ann", "--json").json["is_disabled"] is False
    names = [line.split()[0] for line in run("users", "list").out.splitlines()]
    assert names == ["NAME", "ann", "bob"]
