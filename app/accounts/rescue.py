"""Rotated tokens on disk until the database has them: a refresh token is dead once its successor was handed out.

A pair is written here, sealed, the moment it arrives, and removed when the database has it. What a killed worker leaves
behind is found by the next refresh of that account on this host.
"""

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path

from app.values import TokenPair
from app.vault import Vault, VaultError

log = logging.getLogger(__name__)

_SUFFIX = ".tokens"


class Rescue:
    """The rotated pairs of one data directory. Never raises for the disk: it is the second place, not the first."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._folder = folder
        self._vault = vault

    def keep(self, account_id: int, generation: int, pair: TokenPair) -> None:
        """Write down the pair that succeeds the given generation of an account's secrets."""
        path = self._path(account_id, generation)
        draft = path.with_suffix(".new")
        sealed = self._vault.seal(json.dumps(asdict(pair)).encode(), _place(account_id, generation))
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(sealed)
                handle.flush()
                os.fsync(handle.fileno())
            draft.rename(path)
        except OSError as exc:
            log.warning("the new tokens of account %d are not on disk, only in memory: %s", account_id, exc)

    def find(self, account_id: int, generation: int) -> TokenPair | None:
        """Return the pair that succeeds the given generation, if one was left here."""
        try:
            sealed = self._path(account_id, generation).read_bytes()
            return TokenPair(**json.loads(self._vault.open(sealed, _place(account_id, generation))))
        except FileNotFoundError:
            return None
        except (OSError, VaultError, ValueError, TypeError) as exc:
            log.warning("tokens that were left for account %d cannot be read: %s", account_id, exc)
            return None

    def drop(self, account_id: int, generation: int) -> None:
        """Forget a pair, and those before it: the database has what succeeds them."""
        for path in self._folder.glob(f"{account_id}-*{_SUFFIX}"):
            if int(path.stem.partition("-")[2]) <= generation:
                path.unlink(missing_ok=True)

    def _path(self, account_id: int, generation: int) -> Path:
        return self._folder / f"{account_id}-{generation}{_SUFFIX}"


def _place(account_id: int, generation: int) -> str:
    return f"accounts:rotated:{account_id}:{generation}"
