"""What people do with accounts."""

from dataclasses import fields

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts import service
from app.accounts.models import Account, AccountWindow, ModelCooldown
from app.accounts.secrets import read_secrets
from app.accounts.service import NewAccount
from app.audit import SYSTEM, Actor, AuditEntry
from app.clock import now_ms
from app.db import beats, reading, transaction
from app.errors import Conflict, InvalidInput, NotFound
from app.providers import PROVIDERS
from app.routing.eligible import ineligible
from app.runtime import runtime
from app.values import TokenPair
from app.vault import Vault
from tests.unit.canaries import CANARY

ANN = Actor("ann", "192.0.2.1")
KEY = f"sk-ant-api03-{CANARY}"
PAIR = TokenPair(f"at-{CANARY}", f"rt-{CANARY}", now_ms() + 3_600_000, scope="user:inference")


@pytest.fixture
def vault(app: Flask) -> Vault:
    return runtime().vault


def console(name: str = "work", **more: object) -> NewAccount:
    return NewAccount(name, "console", KEY, **more)  # type: ignore[arg-type]


def row_of(name: str) -> Account:
    with reading() as session:
        return session.execute(select(Account).where(Account.name == name)).scalar_one()


def audit() -> list[tuple[str, str, str | None]]:
    with reading() as session:
        rows = session.execute(select(AuditEntry).order_by(AuditEntry.id)).scalars()
        return [(row.actor, row.action, row.subject) for row in rows]


def test_added_account_is_complete_and_its_key_is_sealed(vault: Vault) -> None:
    view = service.add(
        vault, console(priority=7, endpoint="http://127.0.0.1:9/", model_mappings={"opus": ("a", "b")}), ANN
    )
    assert (view.name, view.mode, view.priority, view.endpoint) == ("work", "console", 7, "http://127.0.0.1:9")
    assert (view.model_mappings, view.credential, view.health.state) == ({"opus": ("a", "b")}, "api_key", "ok")
    row = row_of("work")
    assert row.api_key is not None
    assert CANARY.encode() not in row.api_key
    assert read_secrets(row, vault).api_key == KEY
    assert service.view(vault, "work") == view


def test_added_account_can_be_asked_after_a_reload(vault: Vault) -> None:
    view = service.add(vault, console(), ANN)
    pool = runtime().pool
    pool.load()
    (candidate,) = pool.candidates()
    assert ineligible(candidate, True, "claude-x", now_ms()) is None
    assert runtime().credentials.secret(candidate).value == KEY
    assert candidate.id == view.id


def test_account_with_tokens_is_added_by_its_log_in(vault: Vault) -> None:
    view = service.add(vault, NewAccount("sub", "max", tokens=PAIR), ANN)
    secrets = read_secrets(row_of("sub"), vault)
    assert (secrets.access_token, secrets.refresh_token) == (PAIR.access_token, PAIR.refresh_token)
    assert (view.credential, view.expires_at, view.scopes) == ("oauth", PAIR.expires_at, "user:inference")


def test_mode_that_needs_no_key_takes_none(vault: Vault) -> None:
    assert service.add(vault, NewAccount("local", "ollama"), ANN).credential == "none"


@pytest.mark.parametrize("mode", [name for name, provider in PROVIDERS.items() if provider.secret_kind == "api_key"])
def test_every_mode_with_a_key_can_be_added(vault: Vault, mode: str) -> None:
    assert service.add(vault, NewAccount("one", mode, KEY, endpoint="https://api.example.com"), ANN).mode == mode


@pytest.mark.parametrize(
    ("new", "field"),
    [
        pytest.param(NewAccount("a", "consol", KEY), "mode", id="mode"),
        pytest.param(NewAccount("", "console", KEY), "name", id="empty name"),
        pytest.param(NewAccount("a" * 101, "console", KEY), "name", id="long name"),
        pytest.param(NewAccount("a\nb", "console", KEY), "name", id="line break"),
        pytest.param(NewAccount(" a", "console", KEY), "name", id="blank before"),
        pytest.param(NewAccount("a", "console", KEY, priority=101), "priority", id="priority above"),
        pytest.param(NewAccount("a", "console", KEY, priority=-1), "priority", id="priority below"),
        pytest.param(NewAccount("a", "console"), "api_key", id="no key"),
        pytest.param(NewAccount("a", "console", "  "), "api_key", id="blank key"),
        pytest.param(NewAccount("a", "console", "kéy"), "api_key", id="key beyond ASCII"),
        pytest.param(NewAccount("a", "console", "a b"), "api_key", id="key with a blank"),
        pytest.param(NewAccount("a", "console", "a\nb"), "api_key", id="key with a line break"),
        pytest.param(NewAccount("a", "console", "a" * 4097), "api_key", id="long key"),
        pytest.param(NewAccount("a", "console", KEY, endpoint="ftp://x"), "endpoint", id="endpoint"),
        pytest.param(NewAccount("a", "anthropic-compatible", KEY), "endpoint", id="endpoint is needed"),
        pytest.param(NewAccount("a", "console", KEY, model_mappings={"x": ("a b",)}), "model_mappings", id="mapping"),
        pytest.param(NewAccount("a", "max", KEY), "tokens", id="key for a log-in"),
        pytest.param(NewAccount("a", "max"), "tokens", id="no log-in"),
        pytest.param(NewAccount("a", "zai", tokens=PAIR), "tokens", id="log-in for a key"),
        pytest.param(NewAccount("a", "console", KEY, tokens=PAIR), "api_key", id="both"),
    ],
)
def test_wrong_entry_is_refused_with_its_field_and_stores_nothing(vault: Vault, new: NewAccount, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.add(vault, new, ANN)
    assert list(refused.value.details) == [field]
    assert CANARY not in refused.value.message
    assert service.views(vault) == ()
    assert audit() == []


def test_name_is_given_once(vault: Vault) -> None:
    service.add(vault, console(), ANN)
    service.add(vault, console("home"), ANN)
    with pytest.raises(Conflict, match="work already"):
        service.add(vault, console(), ANN)
    with pytest.raises(Conflict, match="work already"):
        service.rename("home", "work", ANN)
    assert [view.name for view in service.views(vault)] == ["home", "work"]


def test_names_differ_by_case(vault: Vault) -> None:
    service.add(vault, console(), ANN)
    service.add(vault, console("Work"), ANN)
    assert service.view(vault, "Work").name == "Work"


def test_unknown_name_brings_the_nearest_one(vault: Vault) -> None:
    service.add(vault, console(), ANN)
    with pytest.raises(NotFound, match=r"named wrok\. Did you mean work\?") as missing:
        service.pause("wrok", None, ANN)
    assert missing.value.details == {"name": "wrok", "nearest": "work"}


def test_account_is_found_by_id_unless_another_one_has_that_name(vault: Vault) -> None:
    first = service.add(vault, console(), ANN)
    assert service.view(vault, first.id).name == service.view(vault, str(first.id)).name == "work"
    service.add(vault, console(str(first.id)), ANN)
    assert service.view(vault, str(first.id)).name == str(first.id)
    assert service.view(vault, first.id).name == "work"


@pytest.mark.parametrize("reference", ["", "0", "²", "9" * 30, "a" * 500, "\x1b[31m", 12])
def test_any_reference_to_nothing_is_not_found(vault: Vault, reference: str | int) -> None:
    with pytest.raises(NotFound) as missing:
        service.resume(reference, ANN)
    assert missing.value.message.isprintable()


def test_every_change_is_audited_with_its_actor_and_told_to_workers(vault: Vault) -> None:
    service.add(vault, console(), ANN)
    with reading() as session:
        before = beats(session)["accounts"]
    service.pause("work", "rest", ANN)
    service.resume("work", ANN)
    service.set_priority("work", 3, ANN)
    service.set_endpoint("work", "http://127.0.0.1:8", ANN)
    service.set_model_mappings("work", {"opus": ("x",)}, ANN)
    service.set_auto_refresh("work", True, ANN)
    service.replace_key(vault, "work", "sk-other", ANN)
    service.force_reset("work", ANN)
    service.rename("work", "home", ANN)
    service.remove("home", ANN)
    actions = "add pause resume set_priority set_endpoint set_model_mappings set_auto_refresh replace_key force_reset"
    assert [(who, action) for who, action, _ in audit()] == [
        ("ann", f"account.{action}") for action in (*actions.split(), "rename", "remove")
    ]
    with reading() as session:
        assert beats(session)["accounts"] - before == 10
        entries = session.execute(select(AuditEntry)).scalars().all()
    assert {entry.address for entry in entries} == {"192.0.2.1"}
    assert CANARY not in repr([(entry.subject, entry.detail) for entry in entries])


def test_refused_change_leaves_no_trace(vault: Vault) -> None:
    service.add(vault, NewAccount("one", "anthropic-compatible", KEY, endpoint="https://api.example.com"), ANN)
    with pytest.raises(InvalidInput, match="endpoint"):
        service.set_endpoint("one", None, ANN)
    assert service.view(vault, "one").endpoint == "https://api.example.com"
    assert len(audit()) == 1


def test_changes_are_seen(vault: Vault) -> None:
    service.add(vault, console(), ANN)
    assert service.set_priority("work", 9, ANN).priority == 9
    assert service.set_endpoint("work", "http://127.0.0.1:8/", ANN).endpoint == "http://127.0.0.1:8"
    assert service.set_endpoint("work", None, ANN).endpoint is None
    assert service.set_model_mappings("work", {"opus": ()}, ANN).model_mappings == {"opus": ()}
    assert service.set_model_mappings("work", {}, ANN).model_mappings == {}
    assert service.set_auto_refresh("work", True, ANN).auto_refresh
    assert service.rename("work", "home", ANN).name == "home"
    view = service.pause("home", "rest", ANN)
    assert (view.health.state, view.health.reason, view.health.by) == ("paused", "rest", "ann")
    assert service.resume("home", ANN).health.is_ok


def test_pause_of_a_person_is_not_overwritten_by_the_system(vault: Vault) -> None:
    service.add(vault, console(), ANN)
    service.pause("work", "rest", ANN)
    assert service.pause("work", "too many errors", SYSTEM).health.reason == "rest"
    assert service.pause("work", None, Actor("bob")).health.by == "ann"
    assert service.pause("work", "holiday", Actor("bob")).health.by == "bob"


def test_person_takes_over_a_pause_of_the_system(vault: Vault) -> None:
    service.add(vault, console(), ANN)
    since = service.pause("work", "too many errors", SYSTEM).paused_at
    view = service.pause("work", None, ANN)
    assert (view.health.by, view.health.reason, view.paused_at) == ("ann", None, since)


def test_reason_of_a_pause_is_one_printable_line(vault: Vault) -> None:
    service.add(vault, console(), ANN)
    with pytest.raises(InvalidInput, match="reason"):
        service.pause("work", "a\nb", ANN)


def test_new_key_counts_for_requests_and_ends_failures(vault: Vault) -> None:
    service.add(vault, console(), ANN)
    until = now_ms() + 600_000
    with transaction() as session:
        row = session.execute(select(Account)).scalar_one()
        row.cooldown_until, row.cooldown_reason, row.cooldown_at = until, "auth", now_ms()
        row.streak, row.streak_reason, row.streak_at = 4, "auth", now_ms()
        generation = row.secret_generation
    assert service.view(vault, "work").health.state == "auth_failing"
    assert service.replace_key(vault, "work", " sk-other \n", ANN).health.is_ok
    row = row_of("work")
    assert read_secrets(row, vault).api_key == "sk-other"
    assert (row.secret_generation, row.streak) == (generation + 1, 0)


def test_log_in_account_takes_no_key(vault: Vault) -> None:
    service.add(vault, NewAccount("sub", "max", tokens=PAIR), ANN)
    with pytest.raises(InvalidInput, match="log it in again"):
        service.replace_key(vault, "sub", KEY, ANN)


def test_force_reset_makes_an_account_eligible_also_where_its_windows_are_remembered(vault: Vault) -> None:
    account_id = service.add(vault, console(), ANN).id
    later = now_ms() + 600_000
    with transaction() as session:
        row = session.execute(select(Account)).scalar_one()
        row.cooldown_until, row.cooldown_reason, row.cooldown_at = later, "quota", now_ms()
        session.add_all(
            [
                AccountWindow(
                    account_id=account_id, kind=kind, utilization=1.0, reset_at=later, status=status,
                    seen_at=now_ms() - 5, source=source,
                )
                for kind, status, source in (("5h", "rejected", "header"), ("7d", None, "poll"))
            ]
        )  # fmt: skip
        session.add(ModelCooldown(account_id=account_id, family="opus", until=later, reason="model_quota"))
    pool = runtime().pool
    pool.load()
    assert ineligible(pool.candidates()[0], True, "claude-opus-4-6", now_ms()) is not None
    view = service.force_reset("work", ANN)
    assert view.health.is_ok
    assert view.model_cooldowns == {}
    assert [window.utilization for window in view.windows] == [None, None]
    pool.load()
    assert ineligible(pool.candidates()[0], True, "claude-opus-4-6", now_ms()) is None


def test_id_of_a_removed_account_is_never_given_again(vault: Vault) -> None:
    first = service.add(vault, console(), ANN)
    assert service.remove("work", ANN).id == first.id
    assert service.add(vault, console(), ANN).id > first.id


def test_removed_account_is_gone_with_all_that_was_its_own(vault: Vault) -> None:
    account_id = service.add(vault, console(), ANN).id
    with transaction() as session:
        session.add(ModelCooldown(account_id=account_id, family="opus", until=now_ms(), reason="model_quota"))
    service.remove("work", ANN)
    with reading() as session:
        assert session.execute(select(Account)).all() == session.execute(select(ModelCooldown)).all() == []


def test_no_view_has_a_field_for_a_secret(vault: Vault) -> None:
    view = service.add(vault, console(), ANN)
    service.add(vault, NewAccount("sub", "max", tokens=PAIR), ANN)
    assert CANARY not in repr(service.views(vault))
    assert not {"api_key", "access_token", "refresh_token"} & {field.name for field in fields(view)}
    assert CANARY not in repr((console(), NewAccount("sub", "max", tokens=PAIR)))
