"""What goes into a strategy and what comes out: the pool, the plan, and what must be remembered once it was served."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.values import Candidate, Ineligible, ProxyRequest


@dataclass(frozen=True, slots=True)
class Sticky:
    """What is remembered from earlier requests.

    `pinned_account_id`: where this client session was served last, unless it was idle for the session duration.
    `recent`: account id -> when it was last chosen first, in this process.
    """

    session_duration_ms: int
    pinned_account_id: int | None = None
    recent: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pool:
    """All accounts at one moment, and which of them may be asked for this request."""

    candidates: tuple[Candidate, ...]
    eligible: tuple[Candidate, ...]
    refused: tuple[Ineligible, ...]
    request: ProxyRequest
    now_ms: int
    sticky: Sticky

    def find(self, account_id: int | None) -> Candidate | None:
        """Return the eligible account with this id."""
        return next((candidate for candidate in self.eligible if candidate.id == account_id), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to ask, in this order, and why not the others.

    `why`: why the first one is first. `holder_id`: the account that holds the session to which this request belongs,
    if it can be asked.
    """

    order: tuple[Candidate, ...]
    refused: tuple[Ineligible, ...]
    why: str
    holder_id: int | None = None
    is_aside: bool = False
    """The order is not the strategy's own, so nothing of it is to be remembered."""

    @property
    def follows_holder(self) -> bool:
        """Whether the holder of the session is the first to be asked."""
        return self.holder_id is not None and bool(self.order) and self.order[0].id == self.holder_id


@dataclass(frozen=True, slots=True)
class StickyChange:
    """What to write after a served answer.

    `start`: the account starts a session at `at`.
    `pin`: the client session `session_id` belongs to the account from `at` on. `touch`: it still does.
    """

    kind: Literal["start", "pin", "touch"]
    account_id: int
    at: int
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to order the eligible accounts, and what it wants remembered after one of them served."""

    name: str
    label: str
    order: Callable[[Pool], Plan]
    after_served: Callable[[Plan, Candidate, ProxyRequest, int], StickyChange | None]
