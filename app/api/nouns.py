"""The API's words for what the rooms hand out, where they are others than the rooms' own."""

from app.access.users import UserView
from app.accounts.overview import AccountView
from app.api.shapes import SHAPES, Shape, camel
from app.figures import iso
from app.usage.analytics import Summary
from app.usage.cache_losses import CacheLoss
from app.usage.queries import FacetValue, RequestDetail
from app.usage.rows import RequestRow
from app.values import id_text


def _id(number: int | None) -> str | None:
    return None if number is None else id_text(number)


SHAPES |= {
    AccountView: Shape(
        {"endpoint": "customEndpoint", "auto_refresh": "autoRefreshEnabled", "expires_at": "tokenExpiresAt"},
        more={"paused": (bool, lambda one: one.paused_at is not None)},
    ),
    RequestRow: Shape(
        {
            "status": "statusCode",
            "error": "errorMessage",
            "duration_ms": "responseTimeMs",
            "tokens_per_s": "tokensPerSecond",
        },
        frozenset({"public_id", "is_failed"}),
        {
            "id": (str, lambda row: row.public_id),
            "timestamp": (str, lambda row: iso(row.started_at)),
            "success": (bool | None, lambda row: None if row.outcome == "running" else not row.is_failed),
            "failoverAttempts": (int, lambda row: max(0, row.attempts - 1)),
        },
    ),
    RequestDetail: Shape(
        more={
            "previous": (str | None, lambda detail: _id(detail.previous)),
            "following": (str | None, lambda detail: _id(detail.following)),
        }
    ),
    CacheLoss: Shape(
        without=frozenset({"request_id", "previous_id"}),
        more={
            "requestId": (str, lambda loss: id_text(loss.request_id)),
            "previousId": (str, lambda loss: id_text(loss.previous_id)),
        },
    ),
    Summary: Shape(
        more={"change": (dict[str, float], lambda one: {camel(key): part for key, part in one.change.items()})}
    ),
    UserView: Shape({"is_disabled": "disabled"}),
    FacetValue: Shape({"label": "name"}),
}
