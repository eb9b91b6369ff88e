"""A poll of one account's windows because a person wants it now, outside its turn."""

from app.accounts.oauth import endpoints_of
from app.accounts.polling import Poller, can_be_polled
from app.accounts.turns import Turn, is_due, note_turn, turns
from app.background.jobs import POLL
from app.clock import now_ms
from app.db import offload, reading, transaction
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
    last, at = offload(_last_turn, account_id), now_ms()
    if last is not None and not is_due(last, at, is_asked=True):
        wait_s = -(-(last.next_at - at) // 1000)
        raise TooMany(f"The usage endpoint of {candidate.name} asked to wait {wait_s} s.", retry_after_s=wait_s)
    every_ms = int(run.settings.usage_poll_s * 1000)
    turn = Poller(run.pool, run.credentials, run.transport, endpoints_of(run.settings), every_ms).poll(candidate, last)
    if turn is None:
        raise Conflict(f"{candidate.name} has no usage endpoint.")
    offload(_note, turn)
    run.pool.flush_windows()
    if turn.error is not None:
        raise UpstreamFailed(f"{candidate.name}: {turn.error}", phase="usage", sent=True)


def _last_turn(account_id: int) -> Turn | None:
    with reading() as session:
        return turns(session, POLL).get(account_id)


def _note(turn: Turn) -> None:
    with transaction() as session:
        note_turn(session, POLL, turn)
