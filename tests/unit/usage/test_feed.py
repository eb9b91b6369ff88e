"""Changes have numbers in the order of commits, and nobody misses one unknowingly."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from app.clock import now_ms
from app.db import reading, transaction
from app.usage import feed
from app.usage.feed import Feed, News, RequestChange, news_since, note_changes
from app.usage.models import Request
from tests.unit.usage.records import end, put, start


@pytest.fixture
def source(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Feed:
    """A feed that reads at every look."""
    monkeypatch.setattr(feed, "READ_EVERY_S", 0.0)
    return Feed()


def heads(count: int) -> list[dict[str, Any]]:
    at = now_ms()
    return [end(at + number) for number in range(count)]


def told(news: News) -> list[tuple[int, int, str]]:
    return [(change.number, change.request.id, change.request.outcome) for change in news.changes]


def test_start_and_end_are_changes(app: Flask) -> None:
    one, two = heads(2)
    put(start(one), start(two))
    assert told(news_since(0)) == [(1, one["id"], "running"), (2, two["id"], "running")]
    put(one)
    assert told(news_since(2)) == [(3, one["id"], "complete")]
    assert told(news_since(0)) == [(2, two["id"], "running"), (3, one["id"], "complete")]
    assert news_since(3) == News((), 3)


def test_start_and_end_in_one_batch_are_one_change(app: Flask) -> None:
    (one,) = heads(1)
    put(start(one), one)
    assert told(news_since(0)) == [(1, one["id"], "complete")]


def test_transaction_that_fails_takes_no_number(app: Flask) -> None:
    with suppress(RuntimeError), transaction() as session:
        note_changes(session, [1, 2, 3])
        raise RuntimeError
    put(*heads(1))
    assert feed.newest() == 1


def test_only_the_newest_changes_are_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "KEPT", 10)
    for _ in range(3):
        put(*heads(6))
    with reading() as session:
        assert tuple(session.execute(select(func.count(), func.min(RequestChange.number))).one()) == (10, 9)


@pytest.mark.parametrize(("number", "is_gap"), [(7, True), (8, False), (17, False)])
def test_reader_that_was_away_too_long_is_told(
    app: Flask, monkeypatch: pytest.MonkeyPatch, number: int, is_gap: bool
) -> None:
    monkeypatch.setattr(feed, "KEPT", 10)
    put(*heads(18))
    assert news_since(number).is_gap is is_gap


def test_reader_far_behind_reads_the_list_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_MOST", 3)
    put(*heads(4))
    assert news_since(0) == News((), 4, is_gap=True)
    assert len(news_since(1).changes) == 3


def test_request_that_was_deleted_since_is_no_news(app: Flask) -> None:
    put(*heads(2))
    with transaction() as session:
        session.execute(delete(Request))
    assert news_since(0) == News((), 2)


def test_new_reader_begins_now(source: Feed) -> None:
    put(*heads(2))
    assert source.since(None) == News((), 2)
    (one,) = heads(1)
    put(one)
    assert told(source.since(2)) == [(3, one["id"], "complete")]
    assert source.since(3) == News((), 3)


def test_readers_get_the_same_whatever_is_held(source: Feed) -> None:
    put(*heads(3))
    source.since(None)
    put(*heads(3))
    for number in range(6):
        assert told(source.since(number)) == told(news_since(number))


def test_what_is_held_is_bounded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "READ_EVERY_S", 0.0)
    monkeypatch.setattr(feed, "_HELD", 4)
    source = Feed()
    source.since(None)
    for _ in range(4):
        put(*heads(3))
        source.since(None)
    for number in range(12):
        assert told(source.since(number)) == told(news_since(number))
    assert len(source._held) == 4


def test_reader_behind_a_gap_is_told(source: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    source.since(None)
    monkeypatch.setattr(feed, "_MOST", 3)
    put(*heads(5))
    assert source.since(0) == News((), 5, is_gap=True)
    put(*heads(1))
    assert len(source.since(5).changes) == 1


def test_number_of_another_database_is_a_gap(source: Feed) -> None:
    put(*heads(2))
    source.since(None)
    assert source.since(99) == News((), 2, is_gap=True)


def test_number_that_another_worker_knows_already_is_none(app: Flask) -> None:
    source = Feed()
    source.since(None)
    put(*heads(2))
    assert source.since(2) == News((), 2), "this worker has not read since"


def test_one_reads_for_all_within_a_moment(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    source, reads = Feed(), []
    source.since(None)
    monkeypatch.setattr(feed, "news_since", lambda number: reads.append(number) or News((), number))
    for _ in range(5):
        source.since(0)
    assert reads == []


def test_number_is_read_off_the_loop_while_another_reader_begins(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    put(*heads(2))
    source, seen = Feed(), []
    real = feed.offload

    def slow(function: Callable[..., Any], *args: Any) -> Any:
        if not seen:
            seen.append(function)
            assert source.since(None) == News((), 2)
        seen.append(function)
        return real(function, *args)

    monkeypatch.setattr(feed, "offload", slow)
    assert source.since(None) == News((), 2)
    assert seen == [feed.newest] * 3
