"""The journal: whole frames come back, torn and foreign ones stop the reading, nothing is lost to a full disk."""

import fcntl
import os
import resource
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.usage import journal as module
from app.usage.journal import Journal, decode, encode, is_abandoned, journals, worker_of

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
HEADS = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=4)


def heads(directory: Path) -> list[int]:
    """Return the number in each record of all journals, in order."""
    return [entry.head["n"] for path in journals(directory) for entry in decode(path.read_bytes())]


@contextmanager
def full_disk(at_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@given(st.lists(st.tuples(HEADS, st.binary(max_size=60)), max_size=6))
def test_what_goes_in_comes_out(records: list[tuple[dict[str, object], bytes]]) -> None:
    data = b"".join(encode(head, blob) for head, blob in records)
    assert [(entry.head, entry.blob) for entry in decode(data)] == records
    assert [entry.end for entry in decode(data, 1000)][-1:] == ([1000 + len(data)] if records else [])


@given(st.data())
def test_torn_frame_ends_the_reading(data: st.DataObject) -> None:
    whole = [encode({"n": number}, bytes(number)) for number in range(4)]
    joined = b"".join(whole)
    at = data.draw(st.integers(0, len(joined) - 1))
    found = list(decode(joined[:at]))
    assert found == list(decode(joined))[: len(found)]
    assert sum(len(frame) for frame in whole[: len(found) + 1]) > at, "each whole frame is read"


@given(st.data())
def test_changed_byte_is_never_taken_for_a_record(data: st.DataObject) -> None:
    joined = bytearray(b"".join(encode({"n": number}, b"blob") for number in range(3)))
    at = data.draw(st.integers(0, len(joined) - 1))
    joined[at] ^= 1 << data.draw(st.integers(0, 7))
    found = [entry.head["n"] for entry in decode(bytes(joined))]
    assert found == list(range(len(found)))
    assert len(found) < 3


@pytest.mark.parametrize("size", [0, 3, 1 << 27, 0xFFFFFFFF])
def test_frame_of_an_impossible_size_ends_the_reading(size: int) -> None:
    assert list(decode(struct.pack("<II", size, 0) + b"x" * 50)) == []


def test_record_that_is_too_large_is_written_without_its_bodies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_MAX_FRAME_BYTES", 100)
    journal = Journal(tmp_path)
    fits = 100 - len(encode({"n": 0})) + 8
    for number, size in enumerate((3, fits, fits + 1, 3)):
        journal.append({"n": number}, b"x" * size)
    journal.close()
    (path,) = journals(tmp_path)
    found = [(entry.head["n"], len(entry.blob)) for entry in decode(path.read_bytes())]
    assert found == [(0, 3), (1, fits), (2, 0), (3, 3)]
    assert "too large" in caplog.text


def test_text_that_is_no_unicode_is_written_all_the_same() -> None:
    (entry,) = decode(encode({"path": "/v1/\ud800"}))
    assert entry.head == {"path": "/v1/?"}


def test_journal_is_private_and_held_while_its_worker_lives(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append({"n": 1})
    (path,) = journals(tmp_path / "journal")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert worker_of(path) == journal.worker
    assert not is_abandoned(path)
    journal.append({"n": 2})
    journal.close()
    assert is_abandoned(path)
    assert heads(tmp_path / "journal") == [1, 2]


def test_closed_journal_goes_on_in_a_new_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(3):
        journal.append({"n": number})
        journal.close()
    assert len(journals(tmp_path)) == 3
    assert heads(tmp_path) == [0, 1, 2]


def test_full_file_is_let_go_of_and_a_new_one_is_there_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, rotate_bytes=200)
    for number in range(20):
        journal.append({"n": number}, b"x" * 40)
        held = [path for path in journals(tmp_path) if not is_abandoned(path)]
        assert len(held) == 1, "a worker without a journal would seem to be gone"
        assert {worker_of(path) for path in journals(tmp_path)} == {journal.worker}
    assert len(journals(tmp_path)) > 3
    assert sorted(heads(tmp_path)) == list(range(20))
    journal.close()


def test_full_disk_tears_no_frame_and_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(tmp_path)
    frame = len(encode({"n": 10}, b"x" * 100))
    for number in range(10, 13):
        journal.append({"n": number}, b"x" * 100)
    with full_disk(frame * 3 + 40):
        for number in range(13, 16):
            journal.append({"n": number}, b"x" * 100)
        assert heads(tmp_path) == [10, 11, 12]
        assert journals(tmp_path)[0].stat().st_size == frame * 3, "half a frame would hide all that follow"
        assert not journal.flush()
    journal.append({"n": 16}, b"x" * 100)
    assert heads(tmp_path) == list(range(10, 17))
    assert journal.lost == 0
    assert journal.flush()
    journal.close()


def test_bodies_do_not_fill_the_memory_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    frame = len(encode({"n": 10}, b"x" * 100))
    monkeypatch.setattr(module, "_BACKLOG_BYTES", frame * 2)
    with full_disk(0):
        for number in range(10, 14):
            journal.append({"n": number}, b"x" * 100)
        assert journal.waiting == 4
    journal.append({"n": 14}, b"x" * 100)
    kept = [(entry.head["n"], len(entry.blob)) for path in journals(tmp_path) for entry in decode(path.read_bytes())]
    assert kept == [(10, 100), (11, 100), (12, 0), (13, 0), (14, 0)]
    assert journal.lost == 0
    journal.close()


def test_full_disk_is_told_when_it_begins_and_when_it_is_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line each, also where the disk takes a part of every frame."""
    journal = Journal(tmp_path)
    journal.append({"n": 1})
    with full_disk(len(encode({"n": 1})) + 10):
        for number in (2, 3):
            journal.append({"n": number})
        assert not journal.flush()
        assert journal.waiting == 2
        assert [record.levelname for record in caplog.records] == ["ERROR"]
    journal.append({"n": 4})
    assert journal.waiting == 0
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "3 records" in caplog.text
    journal.close()


def test_what_the_disk_refuses_to_the_end_can_be_taken_elsewhere(tmp_path: Path) -> None:
    blocker = tmp_path / "journal"
    blocker.touch()
    journal = Journal(blocker)
    for number in range(3):
        journal.append({"n": number}, b"blob")
    journal.close()
    frames = journal.take()
    assert [(entry.head["n"], entry.blob) for frame in frames for entry in decode(frame)] == [
        (number, b"blob") for number in range(3)
    ]
    assert (journal.take(), journal.waiting) == ([], 0)


def test_folder_that_cannot_be_made_costs_nothing(tmp_path: Path) -> None:
    blocker = tmp_path / "journal"
    blocker.write_text("a file where the folder should be")
    journal = Journal(blocker)
    for number in range(3):
        journal.append({"n": number})
    blocker.unlink()
    assert journal.flush()
    assert heads(blocker) == [0, 1, 2]
    journal.close()


def test_killed_worker_leaves_an_abandoned_journal_with_all_it_wrote(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from app.usage.journal import Journal\n"
        "j = Journal(Path(sys.argv[1]))\n"
        "for n in range(50): j.append({'n': n})\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (path,) = journals(tmp_path)
    assert is_abandoned(path)
    assert heads(tmp_path) == list(range(50))


def test_looking_at_a_journal_does_not_take_it_from_its_worker(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append({"n": 1})
    (path,) = journals(tmp_path)
    for _ in range(2):
        assert not is_abandoned(path)
    descriptor = os.open(path, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
    journal.close()


def test_idle_worker_shows_that_it_lives(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.beat()
    journal.append({"n": 1})
    (path,) = journals(tmp_path)
    os.utime(path, ns=(0, 0))
    journal.beat()
    assert path.stat().st_mtime > 0
    journal.close()


def test_oldest_journal_is_read_first(tmp_path: Path) -> None:
    for age, name in ((30, "b.000001"), (10, "a.000002"), (20, "c.000001")):
        path = tmp_path / f"{name}.journal"
        path.touch()
        os.utime(path, ns=(0, 10**18 - age))
    (tmp_path / "d.000001.new").touch()
    assert [path.name[0] for path in journals(tmp_path)] == ["b", "c", "a"]
