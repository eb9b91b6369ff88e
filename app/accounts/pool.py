"""The accounts as this process knows them: frozen candidates, changed at once here and soon after everywhere.

The database is the truth between workers. A change is in force here when the method returns, is committed within
`_COMMIT_WAIT_S` unless the database is away, and is noticed by other workers through the pulse. What could not be
committed stays in force here and is tried again, save for what a newer change has replaced by then.
"""

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from time import monotonic
from typing import Any

from sqlalchemy import ColumnElement, case, or_, update
from sqlalchemy.orm import Session

from app.accounts import changes
from app.accounts.models import Account, ModelCooldown
from app.accounts.overlays import Commit, Overlay, Overlays
from app.accounts.states import AccountState, newest, read_states, reset_of_5h, store_windows, strike, tells_the_same
from app.clock import now_ms
from app.db import beat, offload, reading
from app.upserts import upsert
from app.values import Candidate, Verdict, Window
from app.vault import Vault

log = logging.getLogger(__name__)

_WINDOW_REFRESH_MS = 10_000


class Pool:
    """All accounts of the installation."""

    def __init__(self, vault: Vault, commit: Commit, base_urls: Mapping[str, str]) -> None:
        self._vault = vault
        self._commit = commit
        self._base_urls = base_urls
        """Provider -> base URL from the settings, for accounts without an endpoint of their own."""
        self._states: dict[int, AccountState] = {}
        self._candidates: tuple[Candidate, ...] = ()
        self._overlays = Overlays(commit)
        self._loaded_from = 0.0
        self._windows_due: dict[tuple[int, str], Window] = {}
        """Windows that changed since the last flush."""
        self._windows_leaving: dict[tuple[int, str], Window] = {}
        """Windows that a flush is writing."""
        self._windows_stored: dict[tuple[int, str], int] = {}

    def candidates(self) -> tuple[Candidate, ...]:
        """Return every account, paused and cooling ones too, in the order of their names."""
        return self._candidates

    def state(self, account_id: int) -> AccountState | None:
        """Return what is known of one account, or None when it is gone."""
        return self._states.get(account_id)

    def load(self) -> None:
        """Read all accounts anew. Call inside an app context, and on the event loop: nothing may cut in."""
        begun = monotonic()
        states = offload(self._read)
        if begun < self._loaded_from:
            return  # Another one that began later is in force.
        self._loaded_from = begun
        for (account_id, _), window in (*self._windows_leaving.items(), *self._windows_due.items()):
            if account_id in states:
                state = states[account_id]
                state.candidate = replace(state.candidate, windows=newest(state.candidate.windows, (window,)))
        for account_id, state in states.items():
            old = self._states.get(account_id)
            if old is not None and old.secrets.generation > state.secrets.generation:
                state.secrets = old.secrets  # Rotated here, and not in the database when it was read.
        self._overlays.lay(states, begun)
        for account_id in self._states.keys() & states.keys():
            changes.tell_loaded(self._states[account_id], states[account_id])
        self._states = states
        self._publish()

    def _read(self) -> dict[int, AccountState]:
        with reading() as session:
            return read_states(session, self._vault, self._base_urls)

    def put(self, account_id: int, fields: Mapping[str, Any], columns: Mapping[str, Any] | None = None) -> None:
        """Put fields of a candidate in force here; with `columns`, commit those, else the caller has."""
        state = self._states.get(account_id)
        if state is not None:
            before = state.candidate
            self._change(state, fields)
            changes.tell_worse(before, state.candidate, self._candidates, now_ms())
            changes.tell_better(before, state.candidate)
            if columns is not None:
                self._save(account_id, columns, fields)
            else:
                self._overlays.supersede(account_id, fields, fields, object())

    def cool_down(self, account_id: int, verdict: Verdict, family: str | None, started_at: int, at: int) -> int | None:
        """Apply what a failed answer means for the account; return the end of the cool-down, None without one.

        `started_at` is when the attempt began: failures of attempts that ran side by side count as one.
        """
        state = self._states.get(account_id)
        if state is None:
            return None
        before = state.candidate
        self.note_windows(account_id, verdict, at)
        if verdict.scope == "model":
            return self._cool_model(state, verdict, family, at)
        columns: dict[str, Any] = {}
        if verdict.ramp is not None or verdict.until is not None:
            columns = strike(state, verdict, started_at, at)
        until = verdict.until
        if until is None and verdict.ramp is not None:
            cooldown_ms = verdict.ramp.cooldown_ms(state.streak)
            until = at + cooldown_ms if cooldown_ms else None
        if until is not None:
            reason: str | None = verdict.reason
            held = state.candidate.cooldown_until
            if held is not None and held > until:
                until, reason = held, state.candidate.cooldown_reason
            state.cooldown_at = at
            fields = {"cooldown_until": until, "cooldown_reason": reason}
            columns |= fields | {"cooldown_at": at}
            self._change(state, fields)
            changes.tell_worse(before, state.candidate, self._candidates, at)
        if columns:
            self._save(account_id, columns, {key: columns[key] for key in columns if key in _CANDIDATE_FIELDS})
        return until

    def served(self, account_id: int, verdict: Verdict, started_at: int, at: int) -> None:
        """Note a served answer: it ends a cool-down that is older than the attempt, and every streak."""
        state = self._states.get(account_id)
        if state is None:
            return
        if verdict.windows:
            self.note_windows(account_id, verdict, at)
        is_stale = state.cooldown_at is not None and state.cooldown_at <= started_at
        if state.streak == 0 and not (is_stale and state.candidate.cooldown_until is not None):
            return
        state.streak, state.streak_reason, state.streak_at = 0, None, None
        columns: dict[str, Any] = {"streak": 0, "streak_reason": None, "streak_at": None}
        fields: dict[str, Any] = {}
        if is_stale:
            fields = {"cooldown_until": None, "cooldown_reason": None}
            columns |= fields | {"cooldown_at": None}
            state.cooldown_at = None
            before = state.candidate
            self._change(state, fields)
            changes.tell_better(before, state.candidate)
        # Another worker may have begun a newer cool-down in the meantime.
        is_older = or_(Account.cooldown_at.is_(None), Account.cooldown_at <= started_at)
        self._save(account_id, columns, fields, only_if=is_older if is_stale else None)

    def note_windows(self, account_id: int, verdict: Verdict, at: int) -> None:
        """Keep the windows that an answer told; they reach the database with the next `flush_windows`."""
        state = self._states.get(account_id)
        if state is None or not verdict.windows:
            return
        known = {window.kind: window for window in state.candidate.windows}
        changed = False
        for window in verdict.windows:
            old = known.get(window.kind)
            if old is not None and old.seen_at > window.seen_at:
                continue
            known[window.kind] = window
            key = (account_id, window.kind)
            is_same = old is not None and tells_the_same(old, window)
            changed = changed or not is_same
            if not is_same or window.seen_at - self._windows_stored.get(key, 0) >= _WINDOW_REFRESH_MS:
                self._windows_due[key] = window
        if changed:
            self._change(state, {"windows": tuple(known.values())})
            self._align_session(state, at)
        allowed = verdict.overage_allowed
        if allowed is not None and allowed != state.candidate.overage_allowed:
            overage = {"overage_allowed": allowed}
            self._change(state, overage)
            self._save(account_id, overage, overage)

    def flush_windows(self) -> None:
        """Write the windows that changed since the last call."""
        due, self._windows_due = self._windows_due, {}
        if not due:
            return
        seen = [(account_id, window) for (account_id, _), window in due.items() if account_id in self._states]
        self._windows_stored.update({key: window.seen_at for key, window in due.items()})
        self._windows_leaving |= due

        def left() -> None:
            for key, window in due.items():
                if self._windows_leaving.get(key) is window:
                    del self._windows_leaving[key]

        def write(session: Session) -> None:
            if seen:
                store_windows(session, seen)
                beat(session, "accounts")
            session.commit()
            left()

        self._commit(write, left)

    def start_session(self, account_id: int, at: int) -> None:
        """Begin a session on an account."""
        state = self._states.get(account_id)
        if state is None:
            return
        fields = {"session_start": at, "session_reset_at": reset_of_5h(state.candidate, at)}
        self._change(state, fields)
        self._save(account_id, fields, fields)

    def _align_session(self, state: AccountState, at: int) -> None:
        """Learn the end of the running session from the upstream's window once it is known."""
        candidate = state.candidate
        if candidate.session_start is None or candidate.session_reset_at is not None:
            return
        reset_at = reset_of_5h(candidate, at)
        if reset_at is not None:
            fields = {"session_reset_at": reset_at}
            self._change(state, fields)
            self._save(candidate.id, fields, fields)

    def _cool_model(self, state: AccountState, verdict: Verdict, family: str | None, at: int) -> int | None:
        until = verdict.until
        if until is None or family is None:
            return None
        if state.candidate.model_cooldowns.get(family, 0) <= at:
            changes.tell_model_worse(state.candidate, family, verdict.reason, until)
        cooldowns = {name: end for name, end in state.candidate.model_cooldowns.items() if end > at}
        self._change(state, {"model_cooldowns": cooldowns | {family: until}})
        row = {"account_id": state.candidate.id, "family": family, "until": until, "reason": verdict.reason}

        def write(session: Session, _: AbstractSet[str]) -> None:
            upsert(session, ModelCooldown, [row], ["account_id", "family"])
            beat(session, "accounts")

        self._overlays.commit(Overlay(state.candidate.id, model_cooldowns={family: until}), [f"model {family}"], write)
        return until

    def _change(self, state: AccountState, fields: Mapping[str, Any]) -> None:
        state.candidate = replace(state.candidate, **fields)
        self._publish()

    def _publish(self) -> None:
        self._candidates = tuple(state.candidate for state in self._states.values())

    def _save(
        self,
        account_id: int,
        values: Mapping[str, Any],
        fields: Mapping[str, Any],
        only_if: ColumnElement[bool] | None = None,
    ) -> None:
        """Commit column values; until that is done, `fields` lie over whatever a reload brings."""

        def write(session: Session, wanted: AbstractSet[str]) -> None:
            statement = update(Account).where(Account.id == account_id)
            columns: dict[str, Any] = {name: values[name] for name in values if name in wanted}
            until = columns.get("cooldown_until")
            if until is not None:
                # Another worker may have set a longer one in the meantime.
                is_longer = or_(Account.cooldown_until.is_(None), Account.cooldown_until <= until)
                for name in {"cooldown_until", "cooldown_reason"} & columns.keys():
                    columns[name] = case((is_longer, columns[name]), else_=getattr(Account, name))
            if only_if is not None:
                statement = statement.where(only_if)
            session.execute(statement.values(**columns))
            beat(session, "accounts")

        self._overlays.commit(Overlay(account_id, dict(fields)), values, write)


_CANDIDATE_FIELDS = frozenset({"cooldown_until", "cooldown_reason", "session_start", "session_reset_at"})
