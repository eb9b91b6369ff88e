"""Secrets at rest: what seals, what opens, and keys that change on disk meanwhile."""

import base64
import logging
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import vault as vaults
from app.vault import VaultError, add_key, keep_first_key, keyring, new_key, open_keyring

PLACE = "accounts:api_key:7"


@given(st.binary(max_size=4096), st.text(max_size=50))
def test_what_was_sealed_opens_in_its_place(plain: bytes, place: str) -> None:
    vault = keyring(new_key())
    sealed = vault.seal(plain, place)
    assert vault.open(sealed, place) == plain
    assert plain not in sealed or len(plain) < 4


def test_value_does_not_open_in_another_place_or_changed() -> None:
    vault = keyring(new_key())
    sealed = vault.seal_text("sk-ant-api03-x", PLACE)
    for place, value in (("accounts:api_key:8", sealed), (PLACE, sealed[:-1] + bytes([sealed[-1] ^ 1]))):
        with pytest.raises(VaultError, match="changed or moved"):
            vault.open(value, place)


@pytest.mark.parametrize("kept", [0, 2, 11, 12, 20], ids="{} bytes".format)
def test_value_that_was_cut_off_does_not_open(kept: int) -> None:
    vault = keyring(new_key())
    sealed = vault.seal_text("sk-ant-api03-x", PLACE)
    with pytest.raises(VaultError, match="changed or moved"):
        vault.open(sealed[: len(vault.prefix) + kept], PLACE)


def test_two_values_alike_are_sealed_differently() -> None:
    vault = keyring(new_key())
    assert vault.seal(b"x", PLACE) != vault.seal(b"x", PLACE)


def test_first_key_seals_and_every_key_opens() -> None:
    old, new = new_key(), new_key()
    sealed = keyring(old).seal(b"x", PLACE)
    both = keyring(f"{new}\n{old}")
    assert both.open(sealed, PLACE) == b"x"
    assert not sealed.startswith(both.prefix)
    assert both.seal(b"x", PLACE).startswith(both.prefix)
    with pytest.raises(VaultError, match="not in the keyring"):
        keyring(new).open(sealed, PLACE)


@pytest.mark.parametrize("text", ["", " \n", "short", base64.b64encode(b"31 bytes, which is one too few..").decode()])
def test_other_text_is_no_keyring(text: str) -> None:
    with pytest.raises(VaultError):
        keyring(text if text.strip() == text[:5] or len(text) < 44 else text[:-4])


@pytest.mark.parametrize("spelled", [lambda raw: raw.hex(), lambda raw: base64.b64encode(raw).decode()])
def test_keys_are_read_in_hex_and_base64(spelled: object) -> None:
    raw = bytes(range(32))
    assert keyring(spelled(raw)).current == keyring(base64.urlsafe_b64encode(raw).decode()).current  # type: ignore[operator]


def test_first_start_makes_one_key_file_whoever_is_first(tmp_path: Path) -> None:
    file = tmp_path / "data" / "encryption.keys"
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(open_keyring(None, None, file).current)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["encryption.keys"]


def test_named_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be read"):
        open_keyring(None, tmp_path / "keys", tmp_path / "default")
    assert list(tmp_path.iterdir()) == []


def test_key_that_was_added_opens_at_once_and_seals_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    serving, other = open_keyring(None, None, file), open_keyring(None, None, file)
    before = serving.seal(b"before", PLACE)
    add_key(file)
    assert other.look()
    assert serving.open(other.seal(b"x", PLACE), PLACE) == b"x"
    assert other.open(before, PLACE) == b"before"
    fresh = open_keyring(None, None, file)
    add_key(file)
    assert not fresh.seal(b"x", PLACE).startswith(open_keyring(None, None, file).prefix)
    monkeypatch.setattr(vaults, "LOOK_S", -1)
    assert fresh.seal(b"x", PLACE).startswith(open_keyring(None, None, file).prefix)


def test_key_that_was_removed_opens_nothing_any_more(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    vault = open_keyring(None, None, file)
    sealed = vault.seal(b"x", PLACE)
    add_key(file)
    vault.look()
    keep_first_key(file)
    assert vault.look()
    assert len(vault.key_ids) == 1
    with pytest.raises(VaultError):
        vault.open(sealed, PLACE)


@pytest.mark.parametrize("text", ["", "no key at all", "{other}"], ids=["empty", "malformed", "of others"])
def test_serving_process_does_not_follow_a_file_that_went_wrong(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    vault = open_keyring(None, None, file)
    sealed = vault.seal(b"x", PLACE)
    file.write_text(text.format(other=new_key()))
    with caplog.at_level(logging.ERROR):
        assert not vault.look()
    assert vault.open(sealed, PLACE) == b"x"
    assert "stays as it is" in caplog.text


def test_file_of_other_keys_is_followed_when_they_open_the_database(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    vault = open_keyring(None, None, file)
    other = new_key()
    vault.opens_database = lambda ring: ring.current == keyring(other).current
    file.write_text(other)
    assert vault.look()
    assert vault.current == keyring(other).current


def test_file_of_other_keys_is_looked_at_again_while_the_database_is_away(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    vault = open_keyring(None, None, file)
    answers = iter((None, True))
    vault.opens_database = lambda _ring: next(answers)
    file.write_text(new_key())
    assert not vault.look()
    assert vault.look()


def test_key_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    open_keyring(None, None, real)
    real.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(real)
    add_key(link)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert len(keyring(real.read_text()).key_ids) == 2


def test_key_file_in_a_closed_folder_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    open_keyring(None, None, file)
    before = file.read_text()

    def refuse(*_args: object, **_more: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(vaults.os, "open", refuse)
    with pytest.raises(VaultError, match="openssl rand"):
        add_key(file)
    with pytest.raises(VaultError, match="Remove all but the first"):
        keep_first_key(file)
    monkeypatch.undo()
    assert file.read_text() == before


def test_no_key_is_shown() -> None:
    key = new_key()
    vault = keyring(key)
    assert key not in repr(vault)
    with pytest.raises(VaultError) as refused:
        keyring(key[:-8])
    assert key[:20] not in str(refused.value)
