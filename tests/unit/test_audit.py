import re
from pathlib import Path

import pytest
from flask import Flask

from app import audit
from app.audit import Actor, EntryFilter, entries, note, was_noted
from app.clock import now_ms
from app.db import transaction


@pytest.fixture(autouse=True)
def _entries(app: Flask) -> None:
    with transaction() as session:
        for actor, action, subject in (
            ("ada", "account.pause", "work"),
            ("vic", "account.resume", "work"),
            ("ada", "accountant.hire", "%"),
            ("ada", "key.create", "laptop"),
        ):
            note(session, Actor(actor, "192.0.2.1"), action, subject)


@pytest.mark.parametrize(
    ("wanted", "actions"),
    [
        (EntryFilter(), ["key.create", "accountant.hire", "account.resume", "account.pause"]),
        (EntryFilter(actor="vic"), ["account.resume"]),
        (EntryFilter(action="account"), ["account.resume", "account.pause"]),
        (EntryFilter(action="account.pause"), ["account.pause"]),
        (EntryFilter(action="%"), []),
        (EntryFilter(subject="work", actor="ada"), ["account.pause"]),
    ],
)
def test_entries_come_newest_first(wanted: EntryFilter, actions: list[str]) -> None:
    assert [entry.action for entry in entries(wanted, 10)] == actions


def test_pages_follow_each_other() -> None:
    first = entries(EntryFilter(), 2)
    rest = entries(EntryFilter(before=first[-1].id), 10)
    assert [entry.action for entry in rest] == ["account.resume", "account.pause"]


@pytest.mark.parametrize(
    ("actor", "action", "subject", "after_ms", "expected"),
    [
        ("ada", "account.pause", "work", -60_000, True),
        ("vic", "account.pause", "work", -60_000, False),
        ("ada", "account.resume", "work", -60_000, False),
        ("ada", "account.pause", "home", -60_000, False),
        ("ada", "account.pause", "work", 60_000, False),
    ],
    ids=["so", "by another", "another deed", "to another", "longer ago"],
)
def test_what_was_noted_is_known(actor: str, action: str, subject: str, after_ms: int, expected: bool) -> None:
    assert was_noted(Actor(actor), action, subject, now_ms() + after_ms) is expected


def test_nouns_are_those_of_the_actions_that_are_noted() -> None:
    source = "\n".join(path.read_text() for path in Path(audit.__file__).parent.rglob("*.py"))
    noted = set(re.findall(r'\bnote\([^"()]*"([a-z]+)\.[a-z_]+"', source))
    assert noted <= set(audit.NOUNS)
    assert len(noted) > 5
    assert {noun for noun in audit.NOUNS if not re.search(rf'"{noun}\.[a-z_]+"', source)} == set()
