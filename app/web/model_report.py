"""`/report/model`: how good the score is, on one page behind the admin password. Counts only, no person."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from app.pipeline.sales_feedback import sales_say
from app.pipeline.through import through_in_words
from app.services import Services
from app.store import models, runs
from app.web.setup import allowed


def make_blueprint(services: Services) -> Blueprint:
    """The page; closed until a password is set."""
    routes = Blueprint("model_report", __name__)

    @routes.get("/report/model")
    def page() -> Response:
        password = services.settings.secrets.savia_admin_password
        if not password or not allowed(password):
            return Response(
                "401 the admin password is asked for: SAVIA_ADMIN_PASSWORD\n",
                401,
                {"WWW-Authenticate": 'Basic realm="Savia"'},
            )
        with services.database.connect() as conn:
            shown = {
                "champion": models.champion(conn),
                "models": models.all_models(conn),
                "points": next(iter(runs.last_results(conn, "watch", "points", 1)), None),
                **sales_say(conn),
                "through": through_in_words(conn, services),
            }
        return Response(render_template("model.html", **shown))

    return routes
