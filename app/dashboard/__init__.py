"""The dashboard's door: pages at /dashboard for people who logged in, and the way in at /login and /setup."""

from app.dashboard import account_forms, accounts, entry, overview, profile
from app.dashboard.blueprints import dashboard, entrance

__all__ = ["account_forms", "accounts", "dashboard", "entrance", "entry", "overview", "profile"]
