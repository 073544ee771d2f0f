"""`/setup`: which vendors are on and which settings the others lack. Names only, never values."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.config import VENDOR_SECRETS
from app.services import Services


def make_blueprint(services: Services) -> Blueprint:
    """The page, behind the admin password once one is set."""
    routes = Blueprint("setup", __name__)

    @routes.get("/")
    def home() -> AnyResponse:
        return redirect(url_for("setup.page"))

    @routes.get("/setup")
    def page() -> Response:
        if not allowed(services.settings.secrets.savia_admin_password):
            return Response(
                "401 the admin password is asked for\n", 401, {"WWW-Authenticate": 'Basic realm="Savia"'}
            )
        vendors = [(vendor, services.off.get(vendor, ())) for vendor in VENDOR_SECRETS]
        return Response(
            render_template(
                "setup.html",
                vendors=vendors,
                public_url=services.settings.public_url,
                webhooks=sorted(services.webhooks),
                open_to_all=not services.settings.secrets.savia_admin_password,
            )
        )

    return routes


def allowed(password: str) -> bool:
    """Does the request bring the admin password? While none is set, everybody does."""
    given = (request.authorization.password or "") if request.authorization else ""
    return not password or hmac.compare_digest(given.encode(), password.encode())
