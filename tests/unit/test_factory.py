"""The composition of an application."""

from flask import Flask

from app.db import db
from app.factory import create_app
from config import Settings


def test_server_has_every_door(app: Flask) -> None:
    assert {"proxy", "health", "api", "metrics", "entrance", "dashboard"} <= set(app.blueprints)


def test_command_opens_no_door(settings: Settings) -> None:
    made = create_app(settings, with_doors=False)
    try:
        assert (list(made.url_map.iter_rules()), made.blueprints) == ([], {})
        ran = made.test_cli_runner().invoke(args=["ccflare", "list", "--json"])
        assert (ran.exit_code, ran.stdout) == (0, "[]\n")
    finally:
        with made.app_context():
            db.engine.dispose()
