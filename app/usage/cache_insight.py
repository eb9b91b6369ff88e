"""The cause of a lost cache, as exactly as it can be told: from the rows, and from stored bodies where there are."""

from dataclasses import replace

from app.errors import NotFound
from app.usage.bodies import payload
from app.usage.cache_losses import CacheLoss
from app.usage.prefixes import blocks_of, difference
from app.vault import Vault, VaultError


def explained(loss: CacheLoss, vault: Vault) -> CacheLoss:
    """Return a loss whose cause the rows do not tell with what the two requests' bodies tell: where the prompt changed.

    It stays as it is where bodies are not kept. Call inside an app context, off the event loop.
    """
    if loss.cause != "unknown":
        return loss
    try:
        before = blocks_of(payload(loss.previous_id, vault).request.text)
        after = blocks_of(payload(loss.request_id, vault).request.text)
    except (NotFound, VaultError):
        return loss
    found = difference(before, after)
    if found is None:
        return replace(loss, detail="the prompt only grew: the provider dropped it, or the client set no mark to cache")
    verb = "is no longer there" if found.is_gone else "changed"
    detail = f"block {found.number} of {len(before)}, {found.place}, {verb}"
    return replace(loss, cause="prefix_changed", detail=detail)
