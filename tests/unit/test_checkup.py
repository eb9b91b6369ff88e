"""The doctor."""

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from flask import Flask

from app import checkup
from app.access import users
from app.access.users import NewUser
from app.accounts import service
from app.accounts.service import NewAccount
from app.audit import SYSTEM
from app.checkup import Check, examine
from app.clock import now_ms
from app.fetch import Fetched
from app.runtime import Runtime, runtime
from config import Settings
from tests.fakes.upstream import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as up:
        yield up


@pytest.fixture
def run(app: Flask) -> Runtime:
    return runtime()


def found(run: Runtime, subject: str) -> Check:
    return next(check for check in examine(run) if check.subject == subject)


def add(run: Runtime, endpoint: str, name: str = "work") -> None:
    service.add(run.vault, NewAccount(name, "anthropic-compatible", "sk-x", endpoint=endpoint), SYSTEM)
    run.pool.load()


def test_fresh_installation_lacks_an_admin_and_accounts_and_nothing_fails(run: Runtime) -> None:
    results = {check.subject: check.result for check in examine(run) if check.subject != "disk"}
    assert results == {
        "settings": "ok", "database": "ok", "encryption keys": "ok", "network": "ok", "users": "warn",
        "client keys": "ok", "accounts": "warn", "clock": "ok", "prices": "ok",
    }  # fmt: skip


def test_each_host_is_asked_once_and_without_a_credential(run: Runtime, upstream: Upstream) -> None:
    upstream.reset()
    add(run, upstream.url)
    add(run, f"{upstream.url}/other", "home")
    host = upstream.url.removeprefix("http://")
    checks = [check for check in examine(run) if check.subject == f"host {host}"]
    assert [check.result for check in checks] == ["ok"]
    (seen,) = upstream.requests()
    assert (seen.method, seen.path, seen.body) == ("HEAD", "/", b"")
    assert seen.header("x-api-key") is seen.header("authorization") is None


def test_host_that_cannot_be_reached_fails(run: Runtime) -> None:
    add(run, "http://127.0.0.1:1")
    check = found(run, "host 127.0.0.1:1")
    assert check.result == "fail"
    assert "refused" in check.detail


@pytest.mark.parametrize(
    ("ahead_ms", "result", "words"),
    [
        pytest.param(0, "ok", "agrees", id="right"),
        pytest.param(60_000, "warn", "ahead", id="a minute ahead"),
        pytest.param(-60_000, "warn", "behind", id="a minute behind"),
        pytest.param(3_600_000, "fail", "ahead", id="an hour ahead"),
    ],
)
def test_clock_is_compared_with_the_hosts(
    run: Runtime, monkeypatch: pytest.MonkeyPatch, ahead_ms: int, result: str, words: str
) -> None:
    told = formatdate((now_ms() - ahead_ms) / 1000, usegmt=True)
    monkeypatch.setattr(checkup, "fetch", lambda *_: Fetched(200, (("Date", told),), b""))
    add(run, "http://127.0.0.1:1")
    check = found(run, "clock")
    assert check.result == result
    assert words in check.detail


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_host_without_a_usable_date_tells_nothing_of_the_clock(
    run: Runtime, monkeypatch: pytest.MonkeyPatch, date: str | None
) -> None:
    headers = () if date is None else (("Date", date),)
    monkeypatch.setattr(checkup, "fetch", lambda *_: Fetched(500, headers, b""))
    add(run, "http://127.0.0.1:1")
    assert found(run, "clock").detail.startswith("not compared")
    assert found(run, "host 127.0.0.1:1").result == "warn"


def test_account_that_needs_a_person_fails_and_one_that_waits_warns(run: Runtime) -> None:
    add(run, "http://127.0.0.1:1")
    service.pause("work", "rest", SYSTEM)
    check = found(run, "account work")
    assert (check.result, check.detail) == ("warn", "paused: rest")


def test_key_file_that_others_may_read_is_told(run: Runtime) -> None:
    file: Path = run.settings.data_dir / "encryption.keys"
    file.chmod(0o644)
    check = found(run, "encryption keys")
    assert check.result == "warn"
    assert "chmod 600" in check.detail


def test_open_address_needs_tls_and_an_admin(run: Runtime) -> None:
    run.settings = Settings.load({"HOST": "0.0.0.0", "CCFLARE_DATA_DIR": str(run.settings.data_dir)})
    assert found(run, "network").result == "fail"
    assert found(run, "users").result == "fail"
    users.create_user(NewUser("ann", "correct horse battery"), SYSTEM)
    assert found(run, "users").result == "ok"


def test_full_disk_fails(run: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, result in (("_DISK_WARN_BYTES", "warn"), ("_DISK_FAIL_BYTES", "fail")):
        monkeypatch.setattr(checkup, limit, 1 << 80)
        assert found(run, "disk").result == result


def test_database_that_cannot_be_written_fails(run: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "is_writable", lambda: False)
    assert found(run, "database").result == "fail"


def test_models_without_a_price_are_named(run: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "unpriced_models", lambda _since: ("new-model",))
    check = found(run, "prices")
    assert check.result == "warn"
    assert "new-model" in check.detail


def test_setting_that_nobody_knows_is_told(run: Runtime) -> None:
    run.settings = Settings.load({"CCFLARE_PROT": "1", "CCFLARE_DATA_DIR": str(run.settings.data_dir)})
    assert "CCFLARE_PROT" in found(run, "settings").detail
