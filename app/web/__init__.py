"""The receiver: webhooks in, health out, and the page that says what is missing. Knows Services only."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask
from werkzeug.exceptions import HTTPException

from app.services import Services
from app.web import guide, health, model_report, setup, webhooks


def create_app(services: Services) -> Flask:
    """The WSGI application."""
    app = Flask(__name__)
    # One byte more than is taken: a body of unstated length is cut here without a word, and then told apart.
    app.config["MAX_CONTENT_LENGTH"] = webhooks.LARGEST_BODY + 1
    app.register_blueprint(webhooks.make_blueprint(services))
    app.register_blueprint(health.make_blueprint(services))
    app.register_blueprint(setup.make_blueprint(services))
    app.register_blueprint(guide.make_blueprint(services))
    app.register_blueprint(model_report.make_blueprint(services))
    app.register_error_handler(HTTPException, _plain)
    app.register_error_handler(sa.exc.OperationalError, _database_away)
    return app


def _plain(error: HTTPException) -> tuple[str, int]:
    return f"{error.code} {error.name}\n", error.code or 500


def _database_away(_: Exception) -> tuple[str, int]:
    """503: the vendor will deliver again, which is right, for nothing was kept."""
    return "503 the database is away, deliver again\n", 503
