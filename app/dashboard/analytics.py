"""Analytics: the charts of a range of time, by account, model or key, and each as a table."""

from dataclasses import dataclass
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from app.dashboard import show
from app.dashboard.blueprints import dashboard
from app.dashboard.charts import KINDS, Chart, chart, parts, title
from app.dashboard.narrowing import narrow, narrowed
from app.dashboard.ranges import Chosen, chosen, local_text, names
from app.errors import InvalidInput, NotFound
from app.usage.analytics import GROUPS, Group, divided, percentiles, series
from app.usage.queries import facets
from app.usage.sums import METRICS

_MOST_LINES = 6


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chart will stand. `part`: which charts are asked for from here; None: another place does."""

    name: str
    title: str
    part: str | None


@dashboard.get("/analytics")
def analytics() -> ResponseReturnValue:
    """Show the figures of the chosen range, and the places of its charts, which come behind the page."""
    asked, narrowing = chosen(), narrow()
    group, is_cumulative = _group(), _is_cumulative()
    whole, parted = divided(asked.span, GROUPS, narrowing)
    return show.page(
        "pages/analytics.html",
        chosen=asked,
        ranges=names(),
        summary=whole,
        percentiles=percentiles(asked.span, narrowing),
        places=_places(group, is_cumulative),
        shares=parted,
        group=group,
        is_cumulative=is_cumulative,
        narrowed=narrowed(),
        facets={kind: facets(kind) for kind in GROUPS},
        more=_more(group, is_cumulative),
        start_text=local_text(asked.span.start),
        end_text=local_text(asked.span.end),
    )


@dashboard.get("/analytics/charts/<part>")
def analytics_charts(part: str) -> ResponseReturnValue:
    """Show the charts that are made together; htmx puts each in its place."""
    group, is_cumulative = _group(), _is_cumulative()
    wanted = parts(group, is_cumulative=is_cumulative).get(part)
    if wanted is None:
        raise NotFound(f"There are no charts of {part} here.")
    asked = chosen()
    return show.part(
        "partials/charts/charts.html",
        charts=_charts(asked, wanted),
        chosen=asked,
        narrowed=narrowed(),
        more=_more(group, is_cumulative),
    )


@dashboard.get("/analytics/table/<name>")
def analytics_table(name: str) -> ResponseReturnValue:
    """Show one chart as a table."""
    asked = chosen()
    shown = [place.name for place in _places(_group(), _is_cumulative())]
    if name not in shown:
        raise InvalidInput.field("name", f"give one of {', '.join(shown)}")
    (made,) = _charts(asked, [name])
    return show.page("pages/analytics_table.html", chart=made, chosen=asked, narrowed=narrowed())


def _charts(asked: Chosen, wanted: list[str]) -> list[Chart]:
    group, is_cumulative = _group(), _is_cumulative()
    needed = parts(group, is_cumulative=is_cumulative)
    metrics = tuple(metric for metric in METRICS if not set(wanted).isdisjoint(needed.get(metric, ())))
    figures = {figure for name in wanted for figure in KINDS[name].figures}
    found = series(asked.span, narrow(), group, metrics, is_cumulative, _MOST_LINES, figures)
    return [chart(name, found, asked.span, group) for name in wanted]


def _places(group: Group | None, is_cumulative: bool) -> list[Place]:
    """Return where each chart will stand; the first chart of a part brings the others along."""
    made_of = parts(group, is_cumulative=is_cumulative)
    bringers = {members[0]: part for part, members in made_of.items()}
    shown = {name for members in made_of.values() for name in members}
    return [Place(name, title(name, group), bringers.get(name)) for name in KINDS if name in shown]


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
