"""Reading rollups: parts add up, groups add up to the whole."""

from flask import Flask

from app.db import reading, transaction
from app.usage.added import ZEROS, Narrow, added, in_all, summed
from app.usage.journal import Entry
from app.usage.rollup import SUMS
from app.usage.spans import MINUTE_MS, between, cover
from app.usage.storing import store
from tests.unit.usage.records import NOW, end


def test_parts_add_up() -> None:
    one = tuple(range(len(ZEROS)))
    assert added(one, ZEROS) == one
    assert in_all([one, one]) == tuple(2 * value for value in one)
    assert in_all([]) == ZEROS


def test_groups_add_up_to_the_whole(app: Flask) -> None:
    heads = [end(NOW + at * 1000, key_id=key) for at, key in enumerate(("aaaaaaaa", "bbbbbbbb", "aaaaaaaa"))]
    with app.app_context():
        with transaction() as session:
            store(session, [Entry(head, b"", 1) for head in heads])
        segments = cover(between(NOW - MINUTE_MS, NOW + 5 * MINUTE_MS, NOW + 5 * MINUTE_MS))
        with reading() as session:
            whole = summed(session, segments, Narrow())
            by_key = summed(session, segments, Narrow(), ("key",))
            one = summed(session, segments, Narrow(keys=("aaaaaaaa",)), names=("requests",))
    assert whole[()][SUMS.index("requests")] == 3
    assert {key: values[SUMS.index("requests")] for key, values in by_key.items()} == {
        ("aaaaaaaa",): 2,
        ("bbbbbbbb",): 1,
    }
    assert one == {(): (2,)}
