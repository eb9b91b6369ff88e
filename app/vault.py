"""Secrets at rest: AES-256-GCM under a keyring, each value bound to its table, column and row.

Sealed form: `v1:<key id>:` + 12 bytes nonce + ciphertext with tag. The first key of the ring seals, every key opens.
"""

import base64
import binascii
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import StartFault

_VERSION = b"v1"
_NONCE_BYTES = 12


class VaultError(StartFault):
    """A key is missing, malformed, or does not open what it should. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Vault:
    """A keyring. `keys` maps key id to cipher; `current` names the one that seals."""

    current: bytes
    keys: dict[bytes, AESGCM] = field(repr=False)

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt `plain` for one `place` (`table:column:row id`)."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self.keys[self.current].encrypt(nonce, plain, place.encode())
        return b"%b:%b:%b%b" % (_VERSION, self.current, nonce, sealed)

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what `seal` made for the same place. Raises VaultError."""
        version, key_id, rest = _split(sealed)
        cipher = self.keys.get(key_id)
        if version != _VERSION or cipher is None:
            raise VaultError(f"the key {key_id.decode('ascii', 'replace')} that sealed {place} is not in the keyring")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place.encode())
        except InvalidTag as exc:
            raise VaultError(f"the sealed value of {place} does not open: it was changed or moved") from exc

    def is_current(self, sealed: bytes) -> bool:
        """Whether a sealed value was sealed by the key that seals now."""
        return _split(sealed)[1] == self.current

    def seal_text(self, plain: str, place: str) -> bytes:
        """Encrypt text."""
        return self.seal(plain.encode(), place)

    def open_text(self, sealed: bytes, place: str) -> str:
        """Decrypt text."""
        return self.open(sealed, place).decode()


def _split(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    parts = sealed.split(b":", 2)
    if len(parts) != 3:
        raise VaultError("a sealed value is malformed")
    return parts[0], parts[1], parts[2]


def keyring(lines: str) -> Vault:
    """Build a vault from keys, one a line or separated by commas or blanks: 32 bytes each, base64 or hex."""
    keys: dict[bytes, AESGCM] = {}
    for word in lines.replace(",", " ").split():
        raw = _key_bytes(word)
        keys.setdefault(hashlib.sha256(b"ccflare key id" + raw).hexdigest()[:8].encode(), AESGCM(raw))
    if not keys:
        raise VaultError("the encryption keyring is empty: give at least one key of 32 bytes in base64 or hex")
    return Vault(current=next(iter(keys)), keys=keys)


def _key_bytes(word: str) -> bytes:
    try:
        raw = bytes.fromhex(word) if len(word) == 64 else base64.b64decode(word, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != 32:
        raise VaultError("an encryption key is not 32 bytes in base64 or hex; `openssl rand -base64 32` makes one")
    return raw


def new_key() -> str:
    """Return a fresh key in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def open_keyring(text: str | None, file: Path | None, default_file: Path) -> Vault:
    """Return the keyring from the setting, else from the named file, else from a file made at first start (0600)."""
    if text:
        return keyring(text)
    if file is not None:
        return keyring(_read(file))
    if not default_file.exists():
        _create(default_file)
    return keyring(_read(default_file))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise VaultError(f"the encryption key file {file} cannot be read: {exc}") from exc


def _create(file: Path) -> None:
    """Write a new key so that of several processes one wins and all read the same key."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        handle.write(new_key() + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
