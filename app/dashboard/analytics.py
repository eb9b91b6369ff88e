"""Analytics: the charts of a range of time, by account, model or key, and each as a table."""

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from app.dashboard import show
from app.dashboard.blueprints import dashboard
from app.dashboard.charts import KINDS, METRICS, Chart, chart
from app.dashboard.narrowing import narrow, narrowed
from app.dashboard.ranges import Chosen, chosen, local_text, names
from app.errors import InvalidInput
from app.usage.analytics import GROUPS, Group, percentiles, series, shares, summary
from app.usage.queries import facets

_MOST_LINES = 6


@dashboard.get("/analytics")
def analytics() -> ResponseReturnValue:
    """Show every chart of the chosen range."""
    asked, narrowing = chosen(), narrow()
    group, is_cumulative = _group(), _is_cumulative()
    return show.page(
        "pages/analytics.html",
        chosen=asked,
        ranges=names(),
        summary=summary(asked.span, narrowing),
        percentiles=percentiles(asked.span, narrowing),
        charts=_charts(asked),
        shares=[shares(asked.span, kind, narrowing, 50) for kind in GROUPS],
        group=group,
        is_cumulative=is_cumulative,
        narrowed=narrowed(),
        facets={kind: facets(kind) for kind in GROUPS},
        more=_more(group, is_cumulative),
        start_text=local_text(asked.span.start),
        end_text=local_text(asked.span.end),
    )


@dashboard.get("/analytics/table/<name>")
def analytics_table(name: str) -> ResponseReturnValue:
    """Show one chart as a table."""
    asked = chosen()
    made = next((one for one in _charts(asked) if one.name == name), None)
    if made is None:
        raise InvalidInput.field("name", f"give one of {', '.join(KINDS)}")
    return show.page("pages/analytics_table.html", chart=made, chosen=asked, narrowed=narrowed())


def _charts(asked: Chosen) -> list[Chart]:
    group, is_cumulative = _group(), _is_cumulative()
    metrics = () if is_cumulative else METRICS
    found = series(asked.span, narrow(), group, metrics, is_cumulative, _MOST_LINES)
    shown = [name for name, kind in KINDS.items() if kind.adds_up or not is_cumulative]
    return [chart(name, found, asked.span, group) for name in shown]


def _more(group: Group | None, is_cumulative: bool) -> dict[str, Any]:
    """Return what an address keeps beside the range."""
    kept: dict[str, Any] = dict(narrowed())
    if group is not None:
        kept["group"] = group
    if is_cumulative:
        kept["mode"] = "cumulative"
    return kept


def _group() -> Group | None:
    name = request.args.get("group") or None
    if name is not None and name not in GROUPS:
        raise InvalidInput.field("group", f"give one of {', '.join(GROUPS)}")
    return name


def _is_cumulative() -> bool:
    return request.args.get("mode") == "cumulative"
