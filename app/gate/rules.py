"""Which endpoint needs which role. What stands in no table answers nobody (a test looks for such endpoints)."""

from typing import Literal

Least = Literal["nobody", "anyone", "viewer", "admin"]

OPEN = frozenset(
    {
        "assets.file",
        "entrance.home",
        "entrance.log_in",
        "entrance.log_out",
        "entrance.set_up",
        "entrance.theme",
        "health.live",
        "health.ready",
    }
)
"""Answered to anyone, without a look at who it is."""

PROXY = "proxy"
"""The blueprint with a door of its own: it authenticates by itself and runs no hooks."""

FOR_ADMINS = frozenset({"api", "dashboard"})
"""Blueprints whose endpoints need an admin, unless they stand below."""

FOR_VIEWERS = frozenset(
    {
        "api.accounts.all_accounts",
        "api.accounts.one_account",
        "api.analytics.all_figures",
        "api.history.all_requests",
        "api.history.exported_requests",
        "api.history.filter_values",
        "api.history.one_request",
        "api.jobs.all_jobs",
        "api.live.stream_of_requests",
        "api.maintenance.system_info",
        "api.openapi.document_itself",
        "api.prices.all_prices",
        "api.sessions.all_sessions",
        "api.sessions.one_session",
        "api.settings.configuration",
        "api.settings.retention",
        "api.settings.setting",
        "api.settings.strategies",
        "api.settings.strategy",
        "api.stats.all_costs",
        "api.stats.all_stats",
        "api.stats.errors",
        "api.stats.spending_of_keys",
        "api.stats.unpriced",
        "api.windows.all_outlooks",
        "api.windows.window_history",
        "api.windows.window_resets",
        "dashboard.accounts",
        "dashboard.account_row",
        "dashboard.analytics",
        "dashboard.analytics_charts",
        "dashboard.analytics_table",
        "dashboard.end_session",
        "dashboard.end_other_sessions",
        "dashboard.jobs",
        "dashboard.overview",
        "dashboard.overview_beats",
        "dashboard.overview_figures",
        "dashboard.overview_now",
        "dashboard.own_password",
        "dashboard.prices",
        "dashboard.profile",
        "dashboard.pulse",
        "dashboard.request",
        "dashboard.requests",
        "dashboard.requests_export",
        "dashboard.requests_stream",
        "dashboard.session",
        "dashboard.sessions",
        "dashboard.settings",
        "metrics.all_metrics",
    }
)
"""Endpoints of those blueprints that a viewer may call too: they show no payload and no secret, or are one's own."""

FOR_PROGRAMS = frozenset({"api", "metrics"})
"""Blueprints that take an admin key in a header in place of a log-in."""


def least(endpoint: str) -> Least:
    """Return the least role that an endpoint answers to; `nobody` where no table names it."""
    if endpoint in OPEN:
        return "anyone"
    if endpoint in FOR_VIEWERS:
        return "viewer"
    return "admin" if blueprint_of(endpoint) in FOR_ADMINS else "nobody"


def is_page(path: str) -> bool:
    """Whether a path is one of the pages of people who logged in."""
    return path == "/dashboard" or path.startswith("/dashboard/")


def blueprint_of(endpoint: str) -> str:
    """Return the blueprint that an endpoint belongs to, empty when to none."""
    return endpoint.rpartition(".")[0].partition(".")[0]
