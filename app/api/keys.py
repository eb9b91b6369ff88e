"""Client keys over the API. A key itself is shown once: in the answer that makes it."""

from dataclasses import dataclass
from typing import Annotated, Literal

from flask import Blueprint

from app.access import service
from app.access.service import CreatedKey, KeyOrder, KeyView
from app.api.accounts import NewName
from app.api.operations import operation
from app.api.rules import MAX_NUMBER, Between, Items, Name, Text
from app.gate.visitors import actor
from app.runtime import runtime

keys = Blueprint("keys", __name__, url_prefix="/keys")

KEY = "/<key_id>"


@dataclass(frozen=True, slots=True)
class NewKeyOrder:
    """A key to be. `expiresAt`: epoch milliseconds; `models`: those it may ask for, all when empty; the budget is per
    calendar month (UTC)."""

    name: Name
    role: Literal["client", "admin"] = "client"
    expires_at: Annotated[int, Between(0, MAX_NUMBER)] | None = None
    models: Annotated[tuple[Text, ...], Items(100)] = ()
    budget_micro_usd: Annotated[int, Between(1, MAX_NUMBER)] | None = None
    requests_per_minute: Annotated[int, Between(1, MAX_NUMBER)] | None = None


@keys.get("")
@operation()
def all_keys() -> tuple[KeyView, ...]:
    """List every client key, revoked ones too: those in force first."""
    return service.all_keys()


@keys.post("")
@operation(status=201, errors=(409,))
def create_key(body: NewKeyOrder) -> CreatedKey:
    """Create a client key. Its text, `key`, is in this answer and nowhere else."""
    order = KeyOrder(
        body.name, body.role, body.expires_at, body.models, body.budget_micro_usd, body.requests_per_minute
    )
    return service.create_key(runtime().pepper, order, actor())


@keys.post(f"{KEY}/rename")
@operation(errors=(404, 409))
def rename_key(key_id: str, body: NewName) -> KeyView:
    """Give a key another name."""
    return service.rename_key(key_id, body.name, actor())


@keys.delete(KEY)
@operation(errors=(404,))
def revoke_key(key_id: str) -> KeyView:
    """Put a key out of force for good; its record stays."""
    return service.revoke_key(key_id, actor())
