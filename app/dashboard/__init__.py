"""The dashboard's door: pages at /dashboard for people who logged in, and the way in at /login and /setup."""

from app.dashboard import (
    account_forms,
    accounts,
    analytics,
    audit,
    client_sessions,
    entry,
    exchange,
    history,
    jobs,
    keys,
    logs,
    overview,
    pictures,
    prices,
    profile,
    settings,
    users,
)
from app.dashboard.blueprints import dashboard, entrance

__all__ = [
    "account_forms",
    "accounts",
    "analytics",
    "audit",
    "client_sessions",
    "dashboard",
    "entrance",
    "entry",
    "exchange",
    "history",
    "jobs",
    "keys",
    "logs",
    "overview",
    "pictures",
    "prices",
    "profile",
    "settings",
    "users",
]
