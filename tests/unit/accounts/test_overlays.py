"""Changes that lie over a reload until they are in the database, or are dropped."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from sqlalchemy.orm import Session

from app.accounts.overlays import Overlay, Overlays, Write
from app.accounts.secrets import AccountSecrets
from app.accounts.states import AccountState
from app.values import Candidate


class Later:
    """A commit that keeps what it is given."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.dropped: list[Callable[[], None]] = []

    def __call__(self, write: Write, dropped: Callable[[], None] = lambda: None) -> None:
        self.writes.append(write)
        self.dropped.append(dropped)


def read(overlays: Overlays, begun: float = 0.0) -> Candidate:
    """Return the account as it is after a reload."""
    states = {1: AccountState(Candidate(1, "work", "console", priority=5), AccountSecrets())}
    overlays.lay(states, begun)
    return states[1].candidate


def test_newer_change_leaves_the_older_one_what_it_does_not_touch() -> None:
    later, told = Later(), []
    overlays = Overlays(later)

    def write(_: Session, columns: AbstractSet[str]) -> None:
        told.append(sorted(columns))

    overlays.commit(Overlay(1, {"priority": 7, "name": "new"}), ["priority", "name"], write)
    overlays.commit(Overlay(1, {"priority": 9}), ["priority"], write)
    assert (read(overlays).priority, read(overlays).name) == (9, "new")
    with Session() as session:
        for late in reversed(later.writes):
            late(session)
    assert told == [["priority"], ["name"]]
    assert read(overlays, float("inf")).priority == 5, "what was read after the commit is in force"


def test_change_that_is_dropped_lies_over_nothing() -> None:
    later = Later()
    overlays = Overlays(later)
    overlays.commit(Overlay(1, {"priority": 7}), ["priority"], lambda *_: None)
    later.dropped[0]()
    assert read(overlays).priority == 5
