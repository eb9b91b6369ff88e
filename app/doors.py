"""The doors of a server: proxy, API and dashboard, behind the gate. A command opens none and does without all this."""

from app import gate
from app.api import api
from app.api.health import health
from app.api.metrics import metrics
from app.dashboard import dashboard, entrance
from app.proxy import cross, proxy
from app.server import Ccflare
from config import Settings


def open_doors(app: Ccflare, settings: Settings) -> None:
    """Let requests into an application."""
    app.url_map.merge_slashes = False
    app.register_blueprint(proxy)
    app.hot_view = cross
    app.register_blueprint(health)
    gate.install(app, settings)
    app.register_blueprint(api)
    app.register_blueprint(metrics)
    app.register_blueprint(entrance)
    app.register_blueprint(dashboard)
