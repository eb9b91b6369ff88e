from pathlib import Path

import pytest

from app.cli import export
from tests.unit.cli.conftest import Run
from tests.unit.usage.records import NOW, end, put


@pytest.fixture(autouse=True)
def recorded(app: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "now_ms", lambda: NOW)
    put(end(NOW), end(NOW - 3_600_001, account_id=2, account_name="home"), end(NOW - 86_400_001, status=500))


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ((), 3),
        (("--from", "1h"), 1),
        (("--from", "24h"), 2),
        (("--from", "2000-01-01", "--to", "2000-01-02T10:00"), 0),
        (("--account", "home", "--account", "work"), 3),
        (("--account", "home"), 1),
        (("--failed",), 1),
        (("--not-failed",), 2),
        (("--status", "500"), 1),
        (("--model", "none"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_filters_choose_lines(run: Run, arguments: tuple[str, ...], count: int) -> None:
    assert len(run("export", "--format", "jsonl", *arguments).out.splitlines()) == count


def test_file_is_written(run: Run, tmp_path: Path) -> None:
    assert run("export", "-o", str(tmp_path / "all.csv")).status == 0
    assert (tmp_path / "all.csv").read_text().startswith("id,started_at,")


def test_file_that_cannot_be_written_is_one_line(run: Run, tmp_path: Path) -> None:
    ran = run("export", "-o", str(tmp_path / "missing" / "all.csv"))
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == f"Error: The file {tmp_path}/missing/all.csv cannot be written: No such file or directory.\n"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--account", "hom"), 1),
        (("--key", "none"), 1),
        (("--from", "yesterday"), 2),
        (("--format", "xml"), 2),
        (("--outcome", "bogus"), 2),
        (("--status", "9999"), 2),
        (("--from", "1h", "--to", "2h"), 1),
    ],
)
def test_wrong_words_are_refused(run: Run, arguments: tuple[str, ...], status: int) -> None:
    ran = run("export", *arguments)
    assert ran.status == status
    assert ran.err
