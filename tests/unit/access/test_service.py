"""What people do with client keys."""

import pytest
from flask import Flask
from sqlalchemy import select

from app.access import service
from app.access.keys import KeyTable
from app.access.service import CreatedKey, KeyOrder
from app.audit import Actor, AuditEntry
from app.clock import now_ms
from app.db import beats, reading
from app.errors import Conflict, InvalidInput, NotAuthenticated, NotFound
from app.runtime import runtime

ANN = Actor("ann")


@pytest.fixture
def table(app: Flask) -> KeyTable:
    return runtime().keys


def create(name: str = "laptop", **more: object) -> CreatedKey:
    return service.create_key(runtime().pepper, KeyOrder(name, **more), ANN)  # type: ignore[arg-type]


def test_created_key_lets_its_bearer_in_with_its_limits(table: KeyTable) -> None:
    made = create(role="admin", models=("opus", "opus", "haiku"), budget_micro_usd=5, requests_per_minute=6)
    table.load()
    principal = table.verify(made.key)
    assert (principal.role, principal.name, principal.key_id) == ("admin", "laptop", made.view.id)
    assert (principal.models, principal.budget_micro_usd, principal.requests_per_minute) == (("opus", "haiku"), 5, 6)
    assert made.key.startswith(made.view.prefix)


def test_key_cannot_be_had_again(table: KeyTable) -> None:
    made = create()
    secret = made.key.removeprefix(made.view.prefix)
    with reading() as session:
        entries = [(one.subject, one.detail) for one in session.execute(select(AuditEntry)).scalars()]
    assert secret not in repr((made, service.all_keys(), entries))


def test_revoked_key_is_refused_and_stays_listed(table: KeyTable) -> None:
    made, other = create(), create("other")
    view = service.revoke_key("laptop", ANN)
    assert service.revoke_key("laptop", ANN).revoked_at == view.revoked_at
    table.load()
    with pytest.raises(NotAuthenticated):
        table.verify(made.key)
    assert table.verify(other.key).name == "other"
    assert [(key.name, key.state) for key in service.all_keys()] == [("other", "active"), ("laptop", "revoked")]


def test_expired_key_is_refused_and_shown_as_such(table: KeyTable, monkeypatch: pytest.MonkeyPatch) -> None:
    made = create(expires_at=now_ms() + 60_000)
    table.load()
    assert table.verify(made.key).name == "laptop"
    later = now_ms() + 60_000
    monkeypatch.setattr("app.access.service.now_ms", lambda: later)
    monkeypatch.setattr("app.access.keys.now_ms", lambda: later)
    with pytest.raises(NotAuthenticated, match="expired"):
        table.verify(made.key)
    assert [key.state for key in service.all_keys()] == ["expired"]


def test_name_in_force_is_taken(table: KeyTable) -> None:
    create()
    create("other")
    with pytest.raises(Conflict):
        create()
    with pytest.raises(Conflict):
        service.rename_key("other", "laptop", ANN)


@pytest.mark.parametrize("name", ["laptop", "l" * 100])
def test_name_of_a_revoked_key_is_free_again(table: KeyTable, name: str) -> None:
    old = create(name).view
    service.revoke_key(name, ANN)
    new = create(name).view
    names = {key.id: key.name for key in service.all_keys()}
    assert names[new.id] == name
    assert names[old.id].endswith(f"(revoked {old.id})")
    assert len(names[old.id]) <= 100


def test_key_is_found_by_name_id_and_beginning(table: KeyTable) -> None:
    made = create()
    for reference in ("laptop", made.view.id, made.view.prefix, made.key):
        assert service.rename_key(reference, "laptop", ANN).id == made.view.id
    assert service.rename_key("laptop", "desk", ANN).name == "desk"
    with pytest.raises(NotFound, match="Did you mean desk"):
        service.revoke_key("dsk", ANN)


def test_unknown_reference_that_looks_like_a_key_is_not_repeated_in_full(table: KeyTable) -> None:
    secret = "ccf_00000000_" + "s" * 43
    with pytest.raises(NotFound) as missing:
        service.revoke_key(secret, ANN)
    assert missing.value.message == "There is no key named ccf_00000000."


def test_changes_are_audited_and_told_to_workers(table: KeyTable) -> None:
    with reading() as session:
        before = beats(session)["keys"]
    create()
    service.rename_key("laptop", "desk", ANN)
    service.revoke_key("desk", ANN)
    with reading() as session:
        assert beats(session)["keys"] - before == 3
        entries = session.execute(select(AuditEntry).order_by(AuditEntry.id)).scalars().all()
    assert [(one.actor, one.action) for one in entries] == [
        ("ann", "key.create"), ("ann", "key.rename"), ("ann", "key.revoke"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("order", "field"),
    [
        pytest.param(KeyOrder(""), "name", id="name"),
        pytest.param(KeyOrder("a", role="viewer"), "role", id="role"),
        pytest.param(KeyOrder("a", expires_at=1), "expires_at", id="past"),
        pytest.param(KeyOrder("a", budget_micro_usd=0), "budget", id="budget"),
        pytest.param(KeyOrder("a", requests_per_minute=-1), "requests_per_minute", id="rate"),
        pytest.param(KeyOrder("a", models=("a b",)), "models", id="model"),
        pytest.param(KeyOrder("a", models=("",)), "models", id="empty model"),
        pytest.param(KeyOrder("a", models=("m",) * 101), "models", id="too many models"),
    ],
)
def test_wrong_order_is_refused_with_its_field(table: KeyTable, order: KeyOrder, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.create_key(runtime().pepper, order, ANN)
    assert list(refused.value.details) == [field]
    assert service.all_keys() == ()
