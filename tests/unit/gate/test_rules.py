import pytest
from flask import Flask

from app.gate import rules


def test_every_endpoint_stands_in_a_table(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    unknown = [name for name in endpoints if rules.least(name) == "nobody" and rules.blueprint_of(name) != rules.PROXY]
    assert unknown == []


def test_every_name_in_the_tables_is_an_endpoint(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert (rules.OPEN | rules.FOR_VIEWERS) - endpoints == set()
    blueprints = {rules.blueprint_of(name) for name in endpoints}
    assert blueprints >= rules.FOR_ADMINS
    assert blueprints >= rules.FOR_PROGRAMS


@pytest.mark.parametrize(
    ("endpoint", "least"),
    [
        ("entrance.log_in", "anyone"),
        ("dashboard.accounts", "viewer"),
        ("dashboard.account", "admin"),
        ("dashboard.of_tomorrow", "admin"),
        ("strangers.page", "nobody"),
        ("static", "nobody"),
    ],
)
def test_least_role(endpoint: str, least: str) -> None:
    assert rules.least(endpoint) == least
