"""A poll of one account's windows because a person wants it now, outside its turn."""

from app.accounts.polling import can_be_polled
from app.accounts.turns import is_due, store_turn, stored_turns
from app.background.jobs import POLL, poller_of
from app.clock import now_ms
from app.db import offload
from app.errors import Conflict, NotFound, TooMany, UpstreamFailed
from app.runtime import Runtime


def poll_account(run: Runtime, account_id: int) -> None:
    """Ask an account's usage endpoint now. Call on the event loop, inside an app context.

    Raises NotFound, Conflict when there is nothing to ask for, TooMany when the upstream told to wait, UpstreamFailed.
    """
    candidate = next((one for one in run.pool.candidates() if one.id == account_id), None)
    if candidate is None:
        raise NotFound(f"There is no account with the id {account_id}.")
    if not can_be_polled(candidate):
        raise Conflict(f"{candidate.name} has no usage endpoint, or its log-in has ended.")
    last, at = offload(stored_turns, POLL).get(account_id), now_ms()
    if last is not None and not is_due(last, at, is_asked=True):
        wait_s = -(-(last.next_at - at) // 1000)
        raise TooMany(f"The usage endpoint of {candidate.name} asked to wait {wait_s} s.", retry_after_s=wait_s)
    turn = poller_of(run).poll(candidate, last)
    if turn is None:
        raise Conflict(f"{candidate.name} has no usage endpoint.")
    offload(store_turn, POLL, turn)
    run.pool.flush_windows()
    if turn.error is not None:
        raise UpstreamFailed(f"{candidate.name}: {turn.error}", phase="usage", sent=True)
