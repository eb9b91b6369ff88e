"""Rotated tokens on disk until the database has them."""

import logging
from pathlib import Path

import pytest

from app.accounts.rescue import Rescue
from app.values import TokenPair
from app.vault import keyring, new_key

PAIR = TokenPair("sk-ant-oat01-canary", "sk-ant-ort01-canary", 123, "user:inference", None, "Org")


def test_pair_is_found_under_its_generation_until_it_is_dropped(tmp_path: Path) -> None:
    rescue = Rescue(tmp_path / "rotated", keyring(new_key()))
    rescue.keep(7, 3, PAIR)
    assert rescue.find(7, 3) == PAIR
    assert rescue.find(7, 4) is None
    assert rescue.find(8, 3) is None
    rescue.keep(7, 2, PAIR)
    rescue.keep(17, 2, PAIR)
    rescue.drop(7, 3)
    assert (rescue.find(7, 2), rescue.find(7, 3)) == (None, None)
    assert rescue.find(17, 2) == PAIR


def test_pair_lies_sealed_and_closed_to_others(tmp_path: Path) -> None:
    Rescue(tmp_path / "rotated", keyring(new_key())).keep(7, 3, PAIR)
    (file,) = (tmp_path / "rotated").iterdir()
    assert b"canary" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_disk_that_refuses_is_said_and_not_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "rotated").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        Rescue(tmp_path / "rotated", keyring(new_key())).keep(7, 3, PAIR)
    assert "only in memory" in caplog.text
    assert "canary" not in caplog.text


def test_file_of_another_key_or_torn_is_said_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Rescue(tmp_path, keyring(new_key())).keep(7, 3, PAIR)
    other = Rescue(tmp_path, keyring(new_key()))
    assert other.find(7, 3) is None
    (tmp_path / "7-4.tokens").write_bytes(b"torn")
    assert other.find(7, 4) is None
    assert caplog.text.count("cannot be read") == 2
