"""Log lines carry no secret, stay whole, and survive several workers and rotations."""

import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Literal

import pytest

from app.logs import Follower, SharedFileHandler, configure, follow, log_path, tail
from config import PROJECT_ROOT, Settings
from tests.unit.canaries import CANARY, SECRETS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load({"CCFLARE_DATA_DIR": str(tmp_path), "LOG_LEVEL": "debug"})


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    logging.captureWarnings(capture=False)
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


def set_up(settings: Settings, door: Literal["server", "cli"] = "server") -> io.StringIO:
    """Configure and return what stands for stderr; pytest's own handlers, which show everything, are put aside."""
    stream = io.StringIO()
    configure(settings, door, stream)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if handler.name != "ccflare"]:
        root.removeHandler(handler)
    return stream


def fail(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_handler_lets_a_secret_through(tmp_path: Path, form: str) -> None:
    settings = Settings.load({"CCFLARE_DATA_DIR": str(tmp_path), "CCFLARE_LOG_FORMAT": form})
    stream = set_up(settings)
    logger = logging.getLogger("app.somewhere")
    for text in SECRETS.values():
        logger.warning("plain %s", text)
        logger.warning("stack %s", text, stack_info=True)
        try:
            fail(text)
        except ValueError:
            logger.exception("while %s", text)
        try:
            try:
                fail(text)
            except ValueError as exc:
                raise RuntimeError("outer") from exc
        except RuntimeError:
            logger.exception("chained")
        logger.warning("wrong arguments %d", text)
    written = log_path(settings).read_text()
    assert "RuntimeError: outer" in written
    assert CANARY not in written
    assert CANARY not in stream.getvalue()


def test_argument_that_cannot_be_shown_fails_nobody(settings: Settings) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no")

    set_up(settings)
    logging.getLogger("app.x").info("value %s", Broken())
    assert "value %s (arguments cannot be shown: RuntimeError)" in log_path(settings).read_text()


def test_text_line_has_time_level_logger_and_request_id(settings: Settings) -> None:
    stream = set_up(settings)
    logging.getLogger("app.proxy").info("served by %s", "work", extra={"request_id": "req_1"})
    moment, rest = stream.getvalue().split(" ", 1)
    assert rest == "INFO    app.proxy [req_1] served by work\n"
    assert moment.endswith("Z")
    assert len(moment) == len("2026-11-22T10:11:12.123Z")


def test_json_line_is_one_object(tmp_path: Path) -> None:
    stream = set_up(Settings.load({"CCFLARE_DATA_DIR": str(tmp_path), "CCFLARE_LOG_FORMAT": "json"}))
    try:
        fail("wrong\nthing")
    except ValueError:
        logging.getLogger("app.proxy").exception("two\nlines ü", extra={"request_id": 7})
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert (event["level"], event["logger"], event["request_id"]) == ("error", "app.proxy", "7")
    assert event["message"] == "two\nlines ü"
    assert event["trace"].endswith("ValueError: wrong\nthing")


def test_message_cannot_forge_a_second_line(settings: Settings) -> None:
    stream = set_up(settings)
    logging.getLogger("app").info("path %s", "/x\n2026-11-22 ERROR forged \x1b[2J")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_level_is_obeyed_and_cli_shows_warnings_only(tmp_path: Path) -> None:
    settings = Settings.load({"CCFLARE_DATA_DIR": str(tmp_path)})
    stream = set_up(settings, "cli")
    logging.getLogger("app").info("quiet")
    logging.getLogger("app").warning("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()
    assert not log_path(settings).exists()


def test_configuring_again_does_not_double_the_lines(settings: Settings) -> None:
    set_up(settings)
    stream = set_up(settings)
    logging.getLogger("app").info("once")
    assert stream.getvalue().count("once") == 1
    assert log_path(settings).read_text().count("once") == 1


def test_python_warnings_and_the_server_log_go_the_same_way(settings: Settings) -> None:
    stream = io.StringIO()
    gunicorn = logging.getLogger("gunicorn.error")
    gunicorn.addHandler(logging.StreamHandler(io.StringIO()))
    gunicorn.propagate = False
    configure(settings, stream=stream)
    gunicorn.warning("worker %s", f"sk-ant-{CANARY}")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old call", stacklevel=1)
        logging.captureWarnings(capture=False)
    assert "worker sk-ant-***" in stream.getvalue()
    assert "old call" in stream.getvalue()


def test_file_is_private(settings: Settings) -> None:
    set_up(settings)
    logging.getLogger("app").info("x")
    assert log_path(settings).stat().st_mode & 0o777 == 0o600
    assert log_path(settings).parent.stat().st_mode & 0o777 == 0o700


def test_unwritable_place_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    stream = set_up(Settings.load({"CCFLARE_DATA_DIR": str(tmp_path)}))
    logging.getLogger("app").warning("still here")
    assert "still here" in stream.getvalue()


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, __file__, 1, text, None, None)


def test_full_file_is_rotated_and_the_oldest_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    handler = SharedFileHandler(path, max_bytes=30, kept=3)
    for number in range(10):
        handler.emit(record(f"line number {number}"))  # two lines fill a file
    handler.close()
    assert path.read_text() == "line number 8\nline number 9\n"
    assert (tmp_path / "x.log.2").read_text() == "line number 4\nline number 5\n"
    assert not (tmp_path / "x.log.3").exists()


def test_deleted_file_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    handler = SharedFileHandler(path)
    handler.emit(record("before"))
    path.unlink()
    handler.emit(record("after"))
    handler.close()
    assert path.read_text() == "after\n"


WRITER = """
import logging, sys
from pathlib import Path
from app.logs import SharedFileHandler
handler = SharedFileHandler(Path(sys.argv[1]), max_bytes=20_000, kept=100)
sys.stdin.read(1)
for number in range(1500):
    text = f"{sys.argv[2]}:{number}:" + "x" * (number % 60)
    handler.emit(logging.LogRecord("x", 20, "", 1, text, None, None))
"""


def test_several_processes_lose_and_mix_no_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "x.log")]
    writers = [subprocess.Popen([*command, name], cwd=PROJECT_ROOT, stdin=subprocess.PIPE, text=True) for name in "abc"]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines = [line for path in tmp_path.glob("x.log*") for line in path.read_text().splitlines()]
    expected = [f"{name}:{number}:" + "x" * (number % 60) for name in "abc" for number in range(1500)]
    assert sorted(lines) == sorted(expected)
    assert len(list(tmp_path.glob("x.log.*"))) > 5


def test_tail_reaches_back_into_rotated_files(tmp_path: Path) -> None:
    handler = SharedFileHandler(tmp_path / "x.log", max_bytes=30, kept=5)
    for number in range(7):
        handler.emit(record(f"line number {number}"))
    handler.close()
    assert tail(tmp_path / "x.log", 4) == [f"line number {number}" for number in (3, 4, 5, 6)]
    assert len(tail(tmp_path / "x.log", 100)) == 7
    assert tail(tmp_path / "x.log", 0) == []
    assert tail(tmp_path / "none.log", 5) == []


def test_tail_of_a_big_file_is_right(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("".join(f"{number} {'y' * 900}\n" for number in range(400)))
    assert [line.split()[0] for line in tail(path, 250)] == [str(number) for number in range(150, 400)]


def test_follower_sees_new_lines_across_rotations_and_only_whole_ones(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("old 1\nold 2\nunfin")
    follower = Follower(path, last=1)
    assert follower.read() == ["old 2"]
    assert follower.read() == []
    with path.open("a") as file:
        file.write("ished\nnew\n")
    assert follower.read() == ["unfinished", "new"]
    with path.open("a") as file:
        file.write("last of the old file\n")
    path.rename(tmp_path / "x.log.1")
    assert follower.read() == ["last of the old file"]
    path.write_text("first of the new file\n")
    assert follower.read() == ["first of the new file"]
    path.write_text("cut\n")
    assert follower.read() == ["cut"]
    follower.close()


def test_follower_waits_for_a_file_that_does_not_exist_yet(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "x.log", last=5)
    assert follower.read() == []
    (tmp_path / "x.log").write_text("first\n")
    assert follower.read() == ["first"]
    follower.close()


def test_follow_yields_the_last_lines_first(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("1\n2\n3\n")
    assert list(islice(follow(tmp_path / "x.log", last=2), 2)) == ["2", "3"]


def news_from(path: Path, place: str) -> list[str]:
    """Return what a follower that begins at a place finds."""
    with closing(Follower(path, place=place)) as follower:
        return follower.read()


def test_follower_goes_on_at_a_place(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("1\n2\n")
    with closing(Follower(path)) as first:
        place = first.place
        path.write_text("1\n2\n3\n4")
        assert news_from(path, place) == first.read() == ["3"]
        path.write_text("1\n2\n3\n4\n")
        assert news_from(path, first.place) == ["4"]


def test_follower_goes_on_across_rotations(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("1\n2\n")
    with closing(Follower(path)) as first:
        place = first.place
    path.write_text("1\n2\n3\n")
    path.rename(tmp_path / "x.log.2")
    (tmp_path / "x.log.1").write_text("4\n")
    path.write_text("5\n")
    with closing(Follower(path, place=place)) as follower:
        assert follower.read() == ["3", "4", "5"]
        assert follower.read() == []


@pytest.mark.parametrize("place", ["", "x", "1-1", "99999999999999999999999-0", "5-zz"])
def test_place_in_no_file_is_the_end(tmp_path: Path, place: str) -> None:
    path = tmp_path / "x.log"
    path.write_text("1\n")
    with closing(Follower(path, place=place)) as follower:
        assert follower.read() == []
        with path.open("a") as file:
            file.write("2\n")
        assert follower.read() == ["2"]
