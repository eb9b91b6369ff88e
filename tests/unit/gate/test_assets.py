import gzip
from pathlib import Path

import pytest
from flask import Flask

from app.gate.assets import Assets, address
from tests.unit.browsers import stranger


def test_file_is_cached_for_ever_under_its_content(app: Flask) -> None:
    client = stranger(app)
    with app.test_request_context():
        where = address("css/ccflare.css")
    answer = client.get(where)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.mimetype == "text/css"
    other = client.get("/static/css/ccflare.css?v=of-yesterday")
    assert "immutable" not in other.headers["Cache-Control"]


def test_file_comes_compressed_to_whoever_takes_it(app: Flask) -> None:
    client = stranger(app)
    plain = client.get("/static/vendor/htmx.min.js")
    packed = client.get("/static/vendor/htmx.min.js", headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert packed.headers["ETag"] != plain.headers["ETag"]


def test_file_that_did_not_change_is_not_sent_again(app: Flask) -> None:
    client = stranger(app)
    etag = client.get("/static/icon.svg").headers["ETag"]
    assert client.get("/static/icon.svg", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("name", ["../config.py", "vendor/VENDORED.json", "vendor/pico.LICENSE.txt", "nothing.css"])
def test_nothing_else_is_served(app: Flask, name: str) -> None:
    assert stranger(app).get(f"/static/{name}").status_code == 404


def test_unknown_file_in_a_template_is_an_error(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(LookupError):
        address("css/none.css")


def test_watched_folder_shows_changes_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a { color: red }")
    watched, kept = Assets(tmp_path, is_watched=True), Assets(tmp_path, is_watched=False)
    (tmp_path / "a.css").write_text("b {}")
    seen, known = watched.get("a.css"), kept.get("a.css")
    assert seen is not None
    assert known is not None
    assert (seen.content, known.content) == (b"b {}", b"a { color: red }")
    assert watched.get("none.css") is None
