import pytest
from flask import Flask

from app.clock import now_ms
from app.dashboard.ranges import OFFSET_COOKIE, chosen, local_text, moment, reader_offset_ms
from app.errors import InvalidInput
from app.usage.spans import HOUR_MS, MINUTE_MS


def test_named_range_is_kept_by_its_name(app: Flask) -> None:
    with app.test_request_context("/?range=7d"):
        assert chosen().arguments == {"range": "7d"}


def test_free_range_is_kept_by_its_ends(app: Flask) -> None:
    end = now_ms() // HOUR_MS * HOUR_MS
    with app.test_request_context(f"/?from={end - HOUR_MS}&to={end}"):
        assert chosen().arguments == {"from": end - HOUR_MS, "to": end}


@pytest.mark.parametrize("query", ["range=2h", "from=soon", "from=5&to=4", "to=99999-01-01"])
def test_wrong_range_is_refused(app: Flask, query: str) -> None:
    with app.test_request_context(f"/?{query}"), pytest.raises(InvalidInput):
        chosen()


def test_date_and_time_are_those_of_the_readers_clock(app: Flask) -> None:
    told = "2026-11-22T14:30"
    with app.test_request_context(f"/?from={told}", headers={"Cookie": f"{OFFSET_COOKIE}=60"}):
        at = moment("from")
        assert at == 1_795_354_200_000
        assert local_text(at) == told


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("999999999999999", "9999-01-01T14:00"),
        ("9999-12-31T23:59", "9999-01-01T14:00"),
        ("0001-01-01T00:00%2B14:00", "1970-01-01T14:00"),
        ("0001-01-01T00:00", "1970-01-01T14:00"),
    ],
)
def test_time_that_no_request_has_can_be_shown(app: Flask, said: str, shown: str) -> None:
    with app.test_request_context(f"/?from={said}", headers={"Cookie": f"{OFFSET_COOKIE}=840"}):
        assert local_text(moment("from")) == shown


@pytest.mark.parametrize(
    ("cookie", "minutes"), [("60", 60), ("-210", -210), ("9999", 0), ("x", 0), ("", 0), ("\N{SUPERSCRIPT TWO}", 0)]
)
def test_only_a_sound_offset_is_believed(app: Flask, cookie: str, minutes: int) -> None:
    with app.test_request_context(
        "/", environ_overrides={"HTTP_COOKIE": f"{OFFSET_COOKIE}={cookie}".encode().decode("latin-1")}
    ):
        assert reader_offset_ms() == minutes * MINUTE_MS
