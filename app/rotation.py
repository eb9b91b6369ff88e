"""Another encryption key: everything that is sealed is sealed anew, in small batches, while the server serves.

A value is replaced only if it is still the one that was read, so that nothing which changes meanwhile is lost. What a
killed run left undone the next one does.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import Table, func, select, update

from app import installation
from app.accounts import oauth, secrets
from app.accounts.models import Account, PendingLogin
from app.audit import Actor, note
from app.background.gauges import FORGOTTEN_S, TELL_S, workers
from app.db import reading, transaction
from app.preferences import SealedSecret
from app.usage import payloads
from app.usage.journal import decode, journals
from app.usage.models import JournalPosition, Payload
from app.vault import LOOK_S, Vault, VaultError, add_key, keep_first_key

_BATCH = 50
_PAUSE_S = 0.005
_SETTLE_S = LOOK_S + 1.0
"""After this long every process of this machine seals with the key that the file names first."""
_TOLD_WITHIN_S = FORGOTTEN_S + 2 * TELL_S
"""Within this every live worker says which key it seals with, and a dead one is off the list."""
_CLEAR_WITHIN_S = 10.0
_PACE_S = 0.25


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column that holds sealed values, and the place that each is sealed for."""

    table: Table
    column: str
    place: Callable[[Any], str]


def _account(column: str) -> Sealed:
    return Sealed(Account.__table__, column, lambda account_id: secrets.place(account_id, column))  # type: ignore[arg-type]


SEALED: tuple[Sealed, ...] = (
    Sealed(SealedSecret.__table__, "content", installation.place),  # type: ignore[arg-type]
    *(_account(column) for column in secrets.COLUMNS),
    Sealed(PendingLogin.__table__, "secrets", oauth.place),  # type: ignore[arg-type]
    Sealed(Payload.__table__, "content", payloads.place),  # type: ignore[arg-type]
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a run did. `added_key`: whether a new key was made; otherwise an earlier run was finished."""

    added_key: bool
    key_file: str | None
    resealed: dict[str, int]
    """Table -> number of values."""
    broken: tuple[str, ...]
    """Places whose values no key opens; they stay as they are."""
    old_keys: int


def rotate(vault: Vault, actor: Actor) -> Rotation:
    """Make a new key and seal everything with it; finish the run before instead, if that was cut short.

    A keyring that comes from the environment is not ours to change: everything is sealed with its first key. Raises
    VaultError when the key file cannot be written. Call inside an app context.
    """
    is_cut_short = _left(vault) > 0
    added = vault.file is not None and not is_cut_short
    if added and vault.file is not None:
        add_key(vault.file)
        vault.look()
        time.sleep(_SETTLE_S)
    resealed, broken = _reseal_all(vault)
    key_file = str(vault.file) if vault.file is not None else None
    done = Rotation(added, key_file, resealed, tuple(broken), len(vault.key_ids) - 1)
    with transaction() as session:
        count = sum(resealed.values())
        note(session, actor, "keyring.rotate", vault.current.decode(), f"{count} values, {len(broken)} do not open")
    return done


def retire(vault: Vault, data_dir: Path, actor: Actor) -> int:
    """Remove every key but the first from the key file, once nothing needs them; return how many went.

    Raises VaultError when something still does, or the keys are not in a file.
    """
    if vault.file is None:
        raise VaultError(
            "The keys come from the environment. When `rotate-key` has nothing left to do, remove all but the first "
            "from CCFLARE_ENCRYPTION_KEYS and start the server again."
        )
    if len(vault.key_ids) == 1:
        return 0
    time.sleep(_SETTLE_S)
    has_workers = _await_workers(vault)
    needed = _clear(vault, data_dir, monotonic() + (_CLEAR_WITHIN_S if has_workers else 0.0))
    if needed:
        raise VaultError(
            f"{needed} {'value is' if needed == 1 else 'values are'} sealed with an old key. Run `rotate-key`, with "
            "the server running so that it takes in what lies in its journals, and then this again."
        )
    retired = len(vault.key_ids) - 1
    keep_first_key(vault.file)
    vault.look()
    with transaction() as session:
        note(
            session, actor, "keyring.retire", vault.current.decode(), f"{retired} old key{'' if retired == 1 else 's'}"
        )
    return retired


def _await_workers(vault: Vault) -> bool:
    """Return when every live worker says that it seals with the current key: whether there is one.

    Raises VaultError when one goes on with another key.
    """
    deadline = monotonic() + _TOLD_WITHIN_S
    current, waited = vault.current.decode(), False
    while behind := [one.worker for one in workers() if one.key_id != current]:
        if monotonic() > deadline:
            raise VaultError(
                f"Not every worker has taken the new key over: {', '.join(behind[:5])}. Give their host the new key "
                "file, or start them again; then run this again."
            )
        time.sleep(_PACE_S)
        waited = True
    if waited:
        time.sleep(_SETTLE_S)  # What they sealed last is written.
    return bool(workers())


def _clear(vault: Vault, data_dir: Path, deadline: float) -> int:
    """Seal anew what the old keys sealed since; return how many values still need one of them when time is up."""
    while True:
        if _left(vault):
            _reseal_all(vault)
        # The disk first: a journal's entry is in the database before the journal is behind it.
        needed = _left_on_disk(vault, data_dir) + _left(vault)
        if not needed or monotonic() > deadline:
            return needed
        time.sleep(_PACE_S)


def _reseal_all(vault: Vault) -> tuple[dict[str, int], list[str]]:
    resealed: dict[str, int] = {}
    broken: list[str] = []
    for sealed in SEALED:
        count = _reseal(vault, sealed, broken)
        resealed[sealed.table.name] = resealed.get(sealed.table.name, 0) + count
    return resealed, broken


def _reseal(vault: Vault, sealed: Sealed, broken: list[str]) -> int:
    """Seal the values of one column anew, in the order of their keys; return how many there were."""
    (key,), column = sealed.table.primary_key.columns, sealed.table.c[sealed.column]
    count, last = 0, None
    while True:
        query = select(key, column).where(_is_old(vault, sealed)).order_by(key).limit(_BATCH)
        with reading() as session:
            rows = session.execute(query if last is None else query.where(key > last)).all()
        if not rows:
            return count
        last = rows[-1][0]
        renewed = []
        for row_key, old in rows:
            place = sealed.place(row_key)
            try:
                renewed.append((row_key, old, vault.seal(vault.open(old, place), place)))
            except VaultError:
                broken.append(place)
        with transaction() as session:
            for row_key, old, new in renewed:
                changed = session.connection().execute(
                    update(sealed.table).where(key == row_key, column == old).values({sealed.column: new})
                )
                count += changed.rowcount
        time.sleep(_PAUSE_S)


def _is_old(vault: Vault, sealed: Sealed) -> Any:
    column = sealed.table.c[sealed.column]
    return func.substr(column, 1, len(vault.prefix)) != vault.prefix


def _left(vault: Vault) -> int:
    """Return how many values in the database are sealed with an old key of the ring."""
    old = vault.old_prefixes
    found = 0
    with reading() as session:
        for sealed in SEALED if old else ():
            is_old = func.substr(sealed.table.c[sealed.column], 1, len(old[0])).in_(old)
            found += session.execute(select(func.count()).select_from(sealed.table).where(is_old)).scalar_one()
    return found


def _left_on_disk(vault: Vault, data_dir: Path) -> int:
    """Return how many sealed values outside the database need an old key of the ring."""
    with reading() as session:
        known = session.execute(select(JournalPosition.journal, JournalPosition.offset))
        positions = {name: offset for name, offset in known}
    found = 0
    for path in journals(data_dir / "journal"):
        with suppress(FileNotFoundError), path.open("rb") as handle:
            handle.seek(positions.get(path.name, 0))
            found += sum(1 for entry in decode(handle.read()) if entry.blob.startswith(vault.old_prefixes))
    for path in (data_dir / "rotated").glob("*.tokens"):
        with suppress(FileNotFoundError):
            found += path.read_bytes().startswith(vault.old_prefixes)
    return found
