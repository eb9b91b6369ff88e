"""Client keys: made once, kept as a keyed hash, verified in memory."""

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.access.keys import KeyTable, NewKey, Principal, digest_of, make, presented
from app.access.models import ClientKey
from app.clock import now_ms
from app.db import beats, reading, transaction
from app.errors import InvalidInput, NotAuthenticated

PEPPER = b"p" * 32
A, B = "ccf_00000001_aaaa", "ccf_00000002_bbbb"


@pytest.fixture
def made(app: Flask) -> NewKey:
    with transaction() as session:
        return make(session, PEPPER, "laptop", "client", "user:ada")


def change(key: NewKey, **columns: object) -> None:
    with transaction() as session:
        session.execute(update(ClientKey).where(ClientKey.id == key.id).values(**columns))


def table(pepper: bytes = PEPPER) -> KeyTable:
    loaded = KeyTable(pepper)
    loaded.load()
    return loaded


def test_made_key_is_verified_as_its_own(made: NewKey) -> None:
    assert made.key.startswith(f"ccf_{made.id}_")
    assert table().verify(made.key) == Principal("client", "laptop", made.id)


def test_only_a_keyed_hash_is_kept(made: NewKey) -> None:
    with reading() as session:
        row = session.get_one(ClientKey, made.id)
    random = made.key.rpartition(f"{made.id}_")[2]
    assert row.digest == digest_of(PEPPER, made.key) != digest_of(b"other", made.key)
    assert random not in repr([getattr(row, column.name) for column in ClientKey.__table__.columns])
    assert row.created_by == "user:ada"


def test_other_workers_are_told_of_a_new_key(app: Flask) -> None:
    with transaction() as session:
        before = beats(session)["keys"]
        make(session, PEPPER, "laptop", "client", "cli:ada")
        assert beats(session)["keys"] == before + 1


def test_name_is_given_once(made: NewKey) -> None:
    with pytest.raises(IntegrityError), transaction() as session:
        make(session, PEPPER, made.name, "client", "cli:ada")


def test_role_and_limits_come_with_the_principal(made: NewKey) -> None:
    change(made, role="admin", models='["opus", "haiku"]', budget_micro_usd=5, requests_per_minute=9)
    assert table().verify(made.key) == Principal("admin", "laptop", made.id, ("opus", "haiku"), 5, 9)


def test_role_that_is_not_known_is_the_lesser_one(made: NewKey) -> None:
    change(made, role="root")
    assert table().verify(made.key).role == "client"


@pytest.mark.parametrize("cut", [slice(0, -1), slice(1, None), slice(0, 12), slice(0, 0)])
def test_every_wrong_key_is_refused_with_one_text(made: NewKey, cut: slice) -> None:
    for wrong in (made.key[cut], f"{made.key}x", f"ccf_{'0' * 8}_{made.key[13:]}", "ccf_\udcff"):
        with pytest.raises(NotAuthenticated, match=r"^The client key is not valid\.$"):
            table().verify(wrong)


def test_key_of_another_installation_is_refused(made: NewKey) -> None:
    with pytest.raises(NotAuthenticated):
        table(b"q" * 32).verify(made.key)


def test_revoked_key_is_refused_and_still_shuts_the_keyless_door(made: NewKey) -> None:
    change(made, revoked_at=1)
    with pytest.raises(NotAuthenticated):
        table().verify(made.key)
    assert not table().is_empty


def test_key_ends_when_it_expires_without_being_read_anew(made: NewKey, monkeypatch: pytest.MonkeyPatch) -> None:
    end = now_ms() + 60_000
    change(made, expires_at=end)
    loaded = table()
    monkeypatch.setattr("app.access.keys.now_ms", lambda: end - 1)
    loaded.verify(made.key)
    monkeypatch.setattr("app.access.keys.now_ms", lambda: end)
    with pytest.raises(NotAuthenticated, match="expired"):
        loaded.verify(made.key)


def test_table_without_any_key_is_empty(app: Flask) -> None:
    assert table().is_empty


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"HTTP_X_API_KEY": A}, A, id="x-api-key"),
        pytest.param({"HTTP_AUTHORIZATION": f"Bearer {A}"}, A, id="bearer"),
        pytest.param({"HTTP_AUTHORIZATION": f"bearer  {A} "}, A, id="bearer written otherwise"),
        pytest.param({"HTTP_AUTHORIZATION": f"Basic {A}"}, None, id="another scheme"),
        pytest.param({"HTTP_X_API_KEY": A, "HTTP_AUTHORIZATION": f"Bearer {A}"}, A, id="the same twice"),
        pytest.param({"HTTP_X_API_KEY": "sk-ant-x", "HTTP_AUTHORIZATION": f"Bearer {A}"}, A, id="beside another's"),
        pytest.param({"HTTP_X_API_KEY": "sk-ant-x"}, None, id="another's alone"),
    ],
)
def test_key_of_ours_is_found_in_either_header(environ: dict[str, str], key: str | None) -> None:
    assert presented(environ) == key


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"HTTP_X_API_KEY": f"{A},{B}"}, id="x-api-key twice"),
        pytest.param({"HTTP_AUTHORIZATION": f"Bearer {A}, Bearer {A}"}, id="authorization twice"),
        pytest.param({"HTTP_X_API_KEY": A, "HTTP_AUTHORIZATION": f"Bearer {B}"}, id="two keys"),
    ],
)
def test_doubled_credential_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        presented(environ)
    assert "ccf_" not in caught.value.message
