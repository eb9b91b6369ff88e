"""The dashboard's door: pages at /dashboard for people who logged in, and the way in at /login and /setup."""

from importlib import import_module
from pathlib import Path

from app.dashboard.blueprints import dashboard, entrance

__all__ = ["dashboard", "entrance"]

for _path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
    import_module(f"app.dashboard.{_path.stem}")
