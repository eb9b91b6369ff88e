"""Lines of the log are read as they were written."""

import io
import logging

import pytest

from app import logs
from app.log_lines import Line, Wanted, read_line, seen
from config import Settings


def written(log_format: str, settings_of: dict[str, str]) -> list[str]:
    stream = io.StringIO()
    logs.configure(Settings.load(settings_of | {"CCFLARE_LOG_FORMAT": log_format}), stream=stream)
    logging.getLogger("app.test").warning("it is %s", "late", extra={"request_id": "req_1"})
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("app.test").exception("it failed")
    logs.configure(Settings.load(settings_of), stream=io.StringIO())
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_line_of_either_format_is_read(log_format: str, tmp_path: pytest.TempPathFactory) -> None:
    lines = [read_line(raw) for raw in written(log_format, {"CCFLARE_DATA_DIR": str(tmp_path)})]
    first, second = lines[0], lines[1]
    assert first == Line(first.at, "warn", "app.test", "req_1", "it is late")
    assert first.at is not None
    assert (second.level, second.message.splitlines()[0]) == ("error", "it failed")
    assert "ValueError" in "".join(line.message for line in lines[1:])


@pytest.mark.parametrize("raw", ["", "    at the end", "{", '{"at": 1}', "x ERROR y z", '{"at":"now","level":"info"}'])
def test_other_lines_belong_to_the_one_before(raw: str) -> None:
    assert read_line(raw).at is None


def test_what_follows_a_wanted_line_is_wanted() -> None:
    raws = [
        "2026-01-01T00:00:00.000Z INFO    app.a begun",
        "2026-01-01T00:00:01.000Z ERROR   app.b it failed",
        "    because",
        "2026-01-01T00:00:02.000Z INFO    app.a ended",
    ]
    assert [line.message for line in seen(Wanted("warn", ""), raws)] == ["it failed", "    because"]
    assert [line.message for line in seen(Wanted("debug", "BEGUN"), raws)] == ["begun"]
