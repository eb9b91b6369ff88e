"""Liveness and readiness, for people, load balancers and container platforms."""

from flask import Blueprint, Response, jsonify

from app.clock import now_ms
from app.routing import ineligible
from app.runtime import runtime
from app.server import cooperative
from app.version import VERSION

health = Blueprint("health", __name__)


# On the event loop: they must answer when all threads wait for the database.
@health.get("/health")
@cooperative
def live() -> Response:
    """Say that the process turns, and how the pool is."""
    run = runtime()
    now = now_ms()
    candidates = run.pool.candidates()
    usable = sum(1 for one in candidates if ineligible(one, True, None, now) is None)
    return jsonify(
        status="ok" if usable else ("no_accounts" if not candidates else "exhausted"),
        accounts=len(candidates),
        accounts_usable=usable,
        timestamp=now,
        strategy=run.settings.lb_strategy,
        version=VERSION,
    )


@health.get("/health/ready")
@cooperative
def ready() -> tuple[Response, int]:
    """Say whether new requests should come here: 503 with the reason when not. A full disk is told all the same."""
    run = runtime()
    if run.flights.is_draining:
        return jsonify(status="unready", reason="the worker is draining"), 503
    if not run.write_probe.is_writable():
        return jsonify(status="unready", reason="the database cannot be written"), 503
    waiting = run.recorder.waiting
    reason = f"{waiting} records wait in memory: the journal cannot be written" if waiting else None
    return jsonify(status="ready", reason=reason), 200
