"""The API's door: `/api/*`, JSON, for programs with an admin key and people who logged in."""

from flask import Blueprint

from app.api import (
    accounts,
    analytics,
    audit,
    client_sessions,
    history,
    jobs,
    keys,
    live,
    log_lines,
    maintenance,
    nouns,
    oauth,
    openapi,
    payloads,
    prices,
    settings,
    stats,
    users,
    windows,
)
from app.api.paths import CONVERTERS

__all__ = ["api", "nouns"]

api = Blueprint("api", __name__, url_prefix="/api")
api.record(lambda state: state.app.url_map.converters.update(CONVERTERS))
for _part in (
    accounts.accounts,
    oauth.oauth,
    live.live,
    history.history,
    payloads.payloads,
    client_sessions.client_sessions,
    stats.figures,
    analytics.analytics,
    windows.windows,
    settings.settings,
    prices.prices,
    keys.keys,
    users.users,
    audit.audit,
    log_lines.log_lines,
    jobs.jobs,
    maintenance.maintenance,
    openapi.openapi,
):
    api.register_blueprint(_part)
