"""Changes of accounts that are in force here and not surely in the database yet; a newer one replaces an older one."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Protocol

from sqlalchemy.orm import Session

from app.accounts.states import AccountState

Write = Callable[[Session], None]


class Commit(Protocol):
    """Runs a write transaction somehow, now or later."""

    def __call__(self, write: Write, dropped: Callable[[], None] = ...) -> None:
        """Run `write`; call `dropped` when it will never be in."""


@dataclass(slots=True, eq=False)
class Overlay:
    """A change that is in force here and may not be in the database yet, or not in what is being read from it."""

    account_id: int
    fields: dict[str, Any] = field(default_factory=dict)
    model_cooldowns: dict[str, int] = field(default_factory=dict)
    done_at: float | None = None


class Overlays:
    """The changes of one process that lie over what a reload brings."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._held: list[Overlay] = []
        self._newest: dict[tuple[int, str], object] = {}
        """Account and column -> the newest change of it; an older one that comes later leaves it alone."""

    def commit(
        self, overlay: Overlay, columns: Iterable[str], write: Callable[[Session, AbstractSet[str]], None]
    ) -> None:
        """Commit a change; `write` is told which of its columns no newer change has replaced by then."""
        self.supersede(overlay.account_id, columns, overlay.fields, overlay)
        self._held.append(overlay)

        def run(session: Session) -> None:
            wanted = {name for name in columns if self._newest.get((overlay.account_id, name)) is overlay}
            if wanted:
                write(session, wanted)
                session.commit()
            overlay.done_at = monotonic()

        def dropped() -> None:
            self._held = [one for one in self._held if one is not overlay]

        self._commit(run, dropped)

    def supersede(self, account_id: int, columns: Iterable[str], fields: Iterable[str], by: object) -> None:
        """Have older changes of the same columns and fields that still wait leave them alone."""
        for name in columns:
            self._newest[account_id, name] = by
        for overlay in self._held:
            if overlay.account_id == account_id:
                for name in fields:
                    overlay.fields.pop(name, None)

    def lay(self, states: Mapping[int, AccountState], begun: float) -> None:
        """Put the changes in force over states whose reading began at a time; forget those that were read."""
        self._held = [one for one in self._held if one.done_at is None or one.done_at >= begun]
        for overlay in self._held:
            if overlay.account_id in states:
                state = states[overlay.account_id]
                models = {**state.candidate.model_cooldowns, **overlay.model_cooldowns}
                state.candidate = replace(state.candidate, **overlay.fields, model_cooldowns=models)
