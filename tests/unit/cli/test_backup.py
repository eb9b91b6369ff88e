from pathlib import Path

from tests.unit.cli.conftest import Run
from tests.unit.usage.records import NOW, end, put


def test_backup_tells_that_the_keys_are_needed_and_can_be_restored(run: Run, tmp_path: Path) -> None:
    put(end(NOW))
    made = run("backup", str(tmp_path / "copy.db"))
    assert made.status == 0
    assert "Backed up 1 request," in made.out
    assert "encryption.keys" in made.out
    put(end(NOW + 1))
    assert run("restore", str(tmp_path / "copy.db")).status == 2, "nobody is there to say yes"
    done = run("restore", str(tmp_path / "copy.db"), "--yes", "--json")
    assert done.json["requests"] == 1
    assert len(run("export", "--format", "jsonl").out.splitlines()) == 1


def test_what_is_no_backup_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("x" * 5000)
    ran = run("restore", str(tmp_path / "bad"), "--yes")
    assert (ran.status, "no backup" in ran.err) == (1, True)
