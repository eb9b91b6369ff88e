"""The first page."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from app.dashboard.blueprints import dashboard


@dashboard.get("", strict_slashes=False)
def overview() -> ResponseReturnValue:
    """Lead to the accounts."""
    return redirect(url_for("dashboard.accounts"))
