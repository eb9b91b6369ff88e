"""Names become ids."""

import pytest
from flask import Flask

from app.accounts import service
from app.accounts.entry import NewAccount
from app.api.narrowing import account_ids, key_ids
from app.audit import SYSTEM
from app.clock import now_ms
from app.errors import InvalidInput
from app.runtime import runtime
from tests.unit.usage.records import end, put


def test_accounts_are_known_by_name_or_id_also_when_deleted(app: Flask) -> None:
    added = service.add(runtime().vault, NewAccount("new", "console", api_key="sk-ant-api03-x"), SYSTEM)
    put(end(now_ms(), account_id=77, account_name="gone"))
    assert account_ids(()) == ()
    assert account_ids(("new", "gone", "5", "no_account")) == (added.id, 77, 5, 0)
    with pytest.raises(InvalidInput, match="accounts: no account is named nobody"):
        account_ids(("nobody",))


def test_names_may_hold_commas(app: Flask) -> None:
    names = ("work", "work, eu")
    ids = {name: service.add(runtime().vault, NewAccount(name, "console", api_key="k"), SYSTEM).id for name in names}
    assert account_ids(("work", " eu")) == (ids["work, eu"],)
    assert account_ids(("5", "work", " eu", "work", "7")) == (5, ids["work, eu"], ids["work"], 7)
    with pytest.raises(InvalidInput, match="accounts: no account is named  us"):
        account_ids(("work", " us"))


def test_keys_are_known_by_name_or_id(app: Flask, admin_key: str) -> None:
    key_id = admin_key[4:12]
    put(end(now_ms(), key_id=key_id))
    assert key_ids(()) == ()
    assert key_ids(("ci", "other")) == (key_id, "other")
