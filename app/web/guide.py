"""`/setup/hubspot`: how a marketer builds the workflows, with pictures, by the names this installation uses.

Open to everybody, for it holds names of lists and properties only, and marketers have no admin password.
"""

from __future__ import annotations

from flask import Blueprint, render_template

from app.domain.portal import HubSpotMapping
from app.services import Services


def make_blueprint(services: Services) -> Blueprint:
    """The page."""
    routes = Blueprint("guide", __name__)

    @routes.get("/setup/hubspot")
    def page() -> str:
        mapping = services.mappings.hubspot
        return render_template(
            "guide.html",
            workflows=mapping.workflows,
            holdout=_label(mapping, "holdout"),
            public_url=services.settings.public_url,
            webhooks="hubspot" in services.webhooks,
            minutes=services.settings.schedule.sync_minutes,
        )

    return routes


def _label(mapping: HubSpotMapping, value: str) -> str:
    """How the property that shows `value` is labelled in the portal."""
    return next(item.label_es for item in mapping.properties if item.value == value)
