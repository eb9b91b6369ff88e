import csv
import io
import json

import pytest
from flask import Flask

from app.errors import InvalidInput
from app.usage import export as room
from app.usage.export import FIELDS, export
from app.usage.search import Filter
from app.values import id_text
from tests.unit.usage.records import NOW, end, put, start


def rows(form: str, wanted: Filter | None = None) -> list[dict[str, object]]:
    text = "".join(export(wanted or Filter(), form))
    if form == "csv":
        return [dict(row) for row in csv.DictReader(io.StringIO(text))]
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_every_request_is_there_once_newest_first(app: Flask, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(room, "_PAGE", 7)
    heads = [end(NOW + at) for at in range(30)]
    put(*heads)
    assert [row["id"] for row in rows(form)] == [id_text(head["id"]) for head in reversed(heads)]


def test_values_are_what_was_recorded(app: Flask) -> None:
    put(end(NOW, error="Zeile 1\nZeile 2; ü", outcome="upstream_broke", tokens=[100, 0]), start(end(NOW + 1)))
    running, row = rows("jsonl")
    assert list(row) == list(FIELDS)
    assert (row["input_tokens"], row["output_tokens"], row["cache_read_tokens"]) == (100, 0, None)
    assert (row["cost_micro_usd"], row["error"]) == (300, "Zeile 1\nZeile 2; ü")
    assert str(row["started_at"]).endswith(":00.000Z")
    assert running["outcome"] == "running"
    _, table = rows("csv")
    assert (table["output_tokens"], table["cache_read_tokens"], table["error"]) == ("0", "", "Zeile 1\nZeile 2; ü")


def test_filter_holds_for_the_export(app: Flask) -> None:
    put(end(NOW), end(NOW + 1, status=429))
    assert [row["status"] for row in rows("jsonl", Filter(failed=True))] == [429]


def test_nothing_is_exported_as_nothing_but_names(app: Flask) -> None:
    assert rows("csv") == rows("jsonl") == []
    assert "".join(export(Filter(), "csv")).strip().split(",") == list(FIELDS)


def test_text_that_is_a_formula_is_disarmed_for_spreadsheets(app: Flask) -> None:
    put(end(NOW, user_agent='=HYPERLINK("x")'))
    assert rows("csv")[0]["user_agent"] == '\'=HYPERLINK("x")'
    assert rows("jsonl")[0]["user_agent"] == '=HYPERLINK("x")'


def test_unknown_format_is_refused_before_anything_is_written(app: Flask) -> None:
    with pytest.raises(InvalidInput):
        export(Filter(), "xml")
