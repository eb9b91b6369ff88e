import pytest
from flask import Flask
from sqlalchemy import update

from app.db import transaction
from app.errors import InvalidInput, NotFound
from app.usage import queries
from app.usage.models import FACETS, Request
from app.usage.queries import facets, latest_failures, list_requests, request_detail
from app.usage.search import Filter
from app.values import id_text
from tests.unit.usage.records import NOW, attempt, end, put, start


def test_detail_shows_attempts_reasons_and_neighbours(app: Flask) -> None:
    first = end(NOW, session_id="s")
    other = end(NOW + 500, session_id="s", agent_id="sub")
    failed = end(
        NOW + 1000, session_id="s", status=529, attempts=[attempt(1, "quota", 429), attempt(2, "overloaded", 529)],
        refused=[["home", "paused", None], ["work", "quota", NOW + 5]], losses=["top_k"], error="overloaded_error: x",
    )  # fmt: skip
    later = end(NOW + 2000, session_id="s")
    put(first, other, failed, later, blob=b"sealed")
    found = request_detail(failed["id"])
    assert found.request.public_id == id_text(failed["id"])
    assert [(one.account_name, one.reason, one.status) for one in found.attempts] == [
        ("account-1", "quota", 429),
        ("account-2", "overloaded", 529),
    ]
    assert [(one.name, one.until) for one in found.refused] == [("home", None), ("work", NOW + 5)]
    assert (found.previous, found.following) == (first["id"], later["id"])
    assert (found.losses, found.payload_bytes) == (("top_k",), 6)
    assert found.advice is not None
    assert "overloaded" in found.advice
    assert request_detail(first["id"]).advice is None


def test_detail_is_shown_though_its_lists_were_stored_cut(app: Flask) -> None:
    head = end(NOW)
    put(head)
    with transaction() as session:
        session.execute(update(Request).values(refused='[["home", "pau', losses='["top'))
    found = request_detail(head["id"])
    assert (found.refused, found.losses) == ((), ())


def test_costs_of_the_classes_add_up_to_the_cost(app: Flask) -> None:
    head = end(NOW)
    put(head)
    found = request_detail(head["id"])
    parts = (found.cost.input_micro_usd, found.cost.output_micro_usd, found.cost.cache_read_micro_usd,
             found.cost.cache_write_5m_micro_usd)  # fmt: skip
    assert sum(part or 0 for part in parts) == found.request.cost_micro_usd
    assert found.request.cost_micro_usd == 100 * 3 + 50 * 15 + 300 + 750
    assert found.request.cache_hit == pytest.approx(1000 / 1300)


def test_unknown_request_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFound):
        request_detail(12345)


def test_running_request_is_listed_as_such(app: Flask) -> None:
    put(start(end(NOW)))
    (row,) = list_requests(Filter()).requests
    assert (row.outcome, row.is_failed, row.duration_ms, row.tokens.input) == ("running", False, None, None)


@pytest.mark.parametrize("limit", [0, 1001])
def test_limit_is_bounded(app: Flask, limit: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        list_requests(Filter(), limit=limit)
    assert "limit" in caught.value.details


def test_facets_offer_what_was_seen_newest_first(app: Flask) -> None:
    put(end(NOW, model_served="old-model", key_id="aaaaaaaa"), end(NOW + 1, model_served="new-model", status=429))
    assert [one.value for one in facets("model")] == ["new-model", "old-model"]
    assert [(one.value, one.requests) for one in facets("status")] == [("429", 1), ("200", 1)]
    assert [one.label for one in facets("account")] == ["work"]
    assert {kind: len(facets(kind)) for kind in FACETS}["agent"] == 0
    with pytest.raises(InvalidInput):
        facets("colour")


def test_values_that_nothing_has_any_more_are_not_offered(app: Flask) -> None:
    head = end(NOW, model_served="gone")
    put(head)
    put(head | {"model_served": "there"})
    assert [one.value for one in facets("model")] == ["there"]


def test_failures_come_with_reason_and_advice(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "now_ms", lambda: NOW + 10_000)
    put(
        end(NOW),
        end(NOW + 1, status=429, attempts=[attempt(1, "burst", 429), attempt(2, "quota", 429)]),
        end(NOW + 2, status=None, outcome="refused"),
        end(NOW - 2 * 86_400_000, status=500),
    )
    found = latest_failures()
    assert [(one.request.outcome, one.reason) for one in found] == [("refused", None), ("complete", "quota")]
    assert all(one.advice.endswith(".") for one in found)


def test_names_of_keys_are_shown(app: Flask) -> None:
    from app.access.keys import make  # noqa: PLC0415 - the one test that needs a key

    with transaction() as session:
        key = make(session, b"pepper", "laptop", "client", "test")
    put(end(NOW, key_id=key.id))
    assert list_requests(Filter()).requests[0].key_name == "laptop"
    assert facets("key")[0].label == "laptop"
