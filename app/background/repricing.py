"""The job that prices requests anew where somebody asked for it: batch by batch, so that nobody waits long."""

from app.background.work import Done, Work
from app.db import offload
from app.usage.reprice import next_asked

_PAUSE_S = 0.05


def reprice_asked(work: Work) -> Done:
    """Price anew what was asked for and has not ended; what another leader left undone goes on where it was."""
    seen = changed = 0
    while (steps := offload(next_asked)) is not None:
        done = None
        while (step := offload(next, steps, None)) is not None:
            done = step
            work.pause(_PAUSE_S)
        if done is not None:
            seen, changed = seen + done.seen, changed + done.changed
    return Done(f"looked at {seen:,} requests, changed the cost of {changed:,}" if seen else "nothing was asked for")
