from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.logs import log_path
from config import Settings

AT = "2026-11-22T10:00:00.250Z"
LINES = f"""{AT} INFO    app.one begins
{AT} WARNING app.two [req_1] fails
    Traceback of it
{AT} DEBUG   app.one <b>goes on</b>
"""


@pytest.fixture
def log(app: Flask, settings: Settings) -> Path:
    path = log_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(LINES)
    return path


def test_page_shows_the_lines_with_what_follows_them(admin: FlaskClient, log: Path) -> None:
    html = admin.get("/dashboard/logs?level=warn").text
    assert "fails" in html
    assert "Traceback of it" in html
    assert "begins" not in html
    assert "&lt;b&gt;goes on&lt;/b&gt;" in admin.get("/dashboard/logs?q=GOES").text
    assert "No line is like that." in admin.get("/dashboard/logs?q=nothing").text


def test_log_comes_as_a_file(admin: FlaskClient, log: Path) -> None:
    answer = admin.get("/dashboard/logs/download")
    assert answer.text == LINES
    assert answer.headers["Content-Disposition"] == "attachment; filename=ccflare.log"
    log.unlink()
    assert admin.get("/dashboard/logs/download").text == ""


def test_stream_brings_what_is_new(admin: FlaskClient, log: Path) -> None:
    pieces = iter(admin.get("/dashboard/logs/stream?q=new").response)
    next(pieces)
    with log.open("a") as file:
        file.write(f"{AT} INFO    app.one an old word\n{AT} INFO    app.one a new word\n")
    told = next(pieces)
    assert b"event: lines" in told
    assert b"a new word" in told
    assert b"old" not in told
    pieces.close()  # type: ignore[attr-defined]
