"""The gate before every page and every API call: who may call what, how answers are shielded, how refusals look."""

from flask import Flask

from app.gate import assets, guard, refusals, shields, visitors
from config import Settings


def install(app: Flask, settings: Settings) -> None:
    """Put the gate before an application. The proxy's endpoints run no hooks and have a door of their own."""
    shields.install(app, settings)
    visitors.install(app)
    guard.install(app)
    refusals.install(app)
    assets.install(app, is_watched=settings.environment == "development")
