"""Secrets at rest: AES-256-GCM under a keyring, each value bound to its table, column and row.

Sealed form: `v1:<key id>:` + 12 bytes nonce + ciphertext with tag. The first key of the ring seals, every key opens.
"""

import base64
import binascii
import hashlib
import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import StartFault

log = logging.getLogger(__name__)

LOOK_S = 1.0
_VERSION = b"v1"
_NONCE_BYTES = 12


class VaultError(StartFault):
    """A key is missing, malformed, or does not open what it should. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys at one time. `keys` maps key id to cipher; `current` names the one that seals."""

    current: bytes
    keys: dict[bytes, AESGCM] = field(repr=False)


class Vault:
    """A keyring. One that comes from a file follows the file: keys are changed while the server serves.

    The file is looked at when a value names a key that is not known, and once a second while values are sealed or a
    worker runs. A file of nothing but other keys is followed only when one of them opens the database.
    """

    def __init__(self, ring: Ring, file: Path | None = None) -> None:
        self.file = file
        self._ring = ring
        self._stamp = _stamp(file)
        self._looked_at = monotonic()
        self.opens_database: Callable[[Ring], bool | None] = lambda _ring: False
        """Whether keys are those of the database; None when that cannot be known now."""

    @property
    def current(self) -> bytes:
        """The id of the key that seals."""
        return self._ring.current

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """The ids of all keys, the one that seals first."""
        return tuple(self._ring.keys)

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt `plain` for one `place` (`table:column:row id`)."""
        if self.file is not None and monotonic() - self._looked_at > LOOK_S:
            self.look()
        ring = self._ring
        nonce = os.urandom(_NONCE_BYTES)
        sealed = ring.keys[ring.current].encrypt(nonce, plain, place.encode())
        return b"%b%b%b" % (_prefix(ring.current), nonce, sealed)

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what `seal` made for the same place. Raises VaultError."""
        version, key_id, rest = _split(sealed)
        cipher = self._ring.keys.get(key_id)
        if cipher is None and self.look():
            cipher = self._ring.keys.get(key_id)
        if version != _VERSION or cipher is None:
            raise VaultError(f"the key {key_id.decode('ascii', 'replace')} that sealed {place} is not in the keyring")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError) as exc:  # ValueError: too short to be a sealed value
            raise VaultError(f"the sealed value of {place} does not open: it was changed or moved") from exc

    def look(self) -> bool:
        """Take over the keys of the file if it changed; return whether they are others now."""
        self._looked_at = monotonic()
        stamp = _stamp(self.file)
        if self.file is None or stamp is None or stamp == self._stamp:
            return False
        try:
            ring = read_ring(_read(self.file))
        except VaultError as exc:
            self._stamp = stamp
            log.error("the keyring stays as it is: %s", exc)
            return False
        is_ours = bool(ring.keys.keys() & self._ring.keys.keys()) or self.opens_database(ring)
        if is_ours is None:
            return False  # The next look tells.
        self._stamp = stamp
        if not is_ours:
            log.error(
                "the keyring stays as it is: the keys in %s are all others and do not open the database; "
                "put the old ones back",
                self.file,
            )
            return False
        self._ring = ring
        return True

    @property
    def prefix(self) -> bytes:
        """How each value begins that was sealed by the key that seals now."""
        return _prefix(self._ring.current)

    @property
    def old_prefixes(self) -> tuple[bytes, ...]:
        """How values begin that were sealed by the other keys of the ring."""
        ring = self._ring
        return tuple(_prefix(key_id) for key_id in ring.keys if key_id != ring.current)

    def seal_text(self, plain: str, place: str) -> bytes:
        """Encrypt text."""
        return self.seal(plain.encode(), place)

    def open_text(self, sealed: bytes, place: str) -> str:
        """Decrypt text."""
        return self.open(sealed, place).decode()


def _prefix(key_id: bytes) -> bytes:
    return b"%b:%b:" % (_VERSION, key_id)


def _split(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    parts = sealed.split(b":", 2)
    if len(parts) != 3:
        raise VaultError("a sealed value is malformed")
    return parts[0], parts[1], parts[2]


def keyring(lines: str, file: Path | None = None) -> Vault:
    """Build a vault from keys, one a line or separated by commas or blanks: 32 bytes each, base64 or hex.

    `file`: where they were read, and are read again when they change.
    """
    return Vault(read_ring(lines), file)


def read_ring(lines: str) -> Ring:
    """Read keys; the first one seals. Raises VaultError."""
    keys: dict[bytes, AESGCM] = {}
    for word in lines.replace(",", " ").split():
        raw = _key_bytes(word)
        keys.setdefault(hashlib.sha256(b"ccflare key id" + raw).hexdigest()[:8].encode(), AESGCM(raw))
    if not keys:
        raise VaultError("the encryption keyring is empty: give at least one key of 32 bytes in base64 or hex")
    return Ring(next(iter(keys)), keys)


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
        return keyring(_read(file), file)
    if not default_file.exists():
        _create(default_file)
    return keyring(_read(default_file), default_file)


def add_key(file: Path) -> None:
    """Put a new key in front of those in a key file. Raises VaultError."""
    what_to_do = (
        "Put a new key in front of the others in it yourself (`openssl rand -base64 32` makes one), and run this again."
    )
    _rewrite(file, f"{new_key()}\n{_read(file).strip()}\n", what_to_do)


def keep_first_key(file: Path) -> None:
    """Leave only the key that seals in a key file. Raises VaultError."""
    words = _read(file).replace(",", " ").split()
    _rewrite(file, f"{words[0]}\n" if words else "", "Remove all but the first key from it yourself.")


def _rewrite(file: Path, text: str, what_to_do: str) -> None:
    """Replace a key file in one step, so that whoever reads it finds the old keys or the new ones."""
    read_ring(text)
    target = file.resolve()
    draft = target.with_name(f"{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        mode = target.stat().st_mode & 0o777
        _write(draft, text)
        draft.chmod(mode & 0o770)
        draft.replace(target)
    except OSError as exc:
        draft.unlink(missing_ok=True)
        raise VaultError(f"The key file {file} cannot be written ({exc.strerror}). {what_to_do}") from exc


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise VaultError(f"the encryption key file {file} cannot be read: {exc}") from exc


def _create(file: Path) -> None:
    """Write a new key so that of several processes one wins and all read the same key."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _write(draft, new_key() + "\n")
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _write(draft: Path, text: str) -> None:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())


def _stamp(file: Path | None) -> tuple[int, int, int] | None:
    """Return what changes whenever a file does; None when it cannot be looked at."""
    try:
        found = file.stat() if file is not None else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size) if found is not None else None
