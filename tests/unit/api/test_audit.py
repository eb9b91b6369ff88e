"""The audit log over the API."""

from app.audit import Actor, note
from app.db import transaction
from tests.unit.api.conftest import Call


def test_entries_come_in_pages_and_are_filtered(call: Call) -> None:
    with transaction() as session:
        for number in range(5):
            note(session, Actor("ann", "192.0.2.1"), "account.pause", f"a{number}")
        note(session, Actor("bob"), "key.create", "laptop")
    first = call("GET", "/api/audit?limit=4&action=account").get_json()
    assert [one["subject"] for one in first["entries"]] == ["a4", "a3", "a2", "a1"]
    second = call("GET", f"/api/audit?limit=4&action=account&cursor={first['next']}").get_json()
    assert ([one["subject"] for one in second["entries"]], second["next"]) == (["a0"], None)
    (one,) = call("GET", "/api/audit?actor=bob").get_json()["entries"]
    assert (one["action"], one["address"]) == ("key.create", None)
