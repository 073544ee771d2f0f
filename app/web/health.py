"""`/healthz`: the process is alive. `/readyz`: the database, its migrations and a worker are there."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from flask import Blueprint, Response, jsonify

from app.pipeline.vital_checkup import WORKER_SILENCE
from app.services import Services
from app.store import inbox, job_rows, migrate, processes

NEWER = "newer than the code: fine after a rollback"


def make_blueprint(services: Services) -> Blueprint:
    """The two health routes."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def alive() -> Response:
        return jsonify(status="ok")

    @routes.get("/readyz")
    def ready() -> tuple[Response, int]:
        found = readiness(services, services.clock())
        is_ready = all(found.values())
        told: dict[str, object] = dict(found)
        if found["migrations"]:
            if migrate.standing(services.database) == "newer":
                told["schema"] = NEWER
            with services.database.begin() as conn:
                processes.say(conn, "web", services.clock())
        return jsonify(**told, **(backlog(services) if is_ready else {})), 200 if is_ready else 503

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


def backlog(services: Services) -> dict[str, object]:
    """What waits: since when the oldest delivery and the oldest job do, and how many jobs failed for good."""
    with services.database.connect() as conn:
        deliveries, oldest_delivery = inbox.waiting(conn)
        oldest_job = job_rows.oldest_waiting(conn)
        return {
            "deliveries_waiting": deliveries,
            "oldest_delivery": oldest_delivery.isoformat() if oldest_delivery else None,
            "oldest_job": oldest_job.isoformat() if oldest_job else None,
            "dead_letters": job_rows.count_by_state(conn).get("failed", 0),
        }
