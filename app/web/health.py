"""`/healthz`: the process is alive. `/readyz`: the database, its migrations and a worker are there."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import Blueprint, Response, jsonify

from app.services import Services
from app.store import job_rows, migrate

WORKER_SILENCE = timedelta(seconds=30)
"""A worker gives a sign of life every three seconds."""


def make_blueprint(services: Services) -> Blueprint:
    """The two health routes."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def alive() -> Response:
        return jsonify(status="ok")

    @routes.get("/readyz")
    def ready() -> tuple[Response, int]:
        found = readiness(services, services.clock())
        return jsonify(found), 200 if all(found.values()) else 503

    return routes


def readiness(services: Services, now: datetime) -> dict[str, bool]:
    """What a deployment needs before it can work, each true or false."""
    try:
        at_head = migrate.at_head(services.database)
        with services.database.connect() as conn:
            seen = job_rows.newest_heartbeat(conn) if at_head else None
    except sa.exc.OperationalError:
        return {"database": False, "migrations": False, "worker": False}
    return {
        "database": True,
        "migrations": at_head,
        "worker": seen is not None and now - seen < WORKER_SILENCE,
    }
