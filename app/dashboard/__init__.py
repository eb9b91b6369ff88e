"""The dashboard's door: pages at /dashboard for people who logged in, and the way in at /login and /setup."""

from app.dashboard import account_forms, accounts, audit, entry, jobs, keys, logs, overview, profile, settings, users
from app.dashboard.blueprints import dashboard, entrance

__all__ = [
    "account_forms",
    "accounts",
    "audit",
    "dashboard",
    "entrance",
    "entry",
    "jobs",
    "keys",
    "logs",
    "overview",
    "profile",
    "settings",
    "users",
]
