"""Every HubSpot path Savia calls, from one setting: the dated version (2026-09) or v3 for older portals.

Source: HubSpot's public OpenAPI collection; the v2 enrolment path has no dated form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from app.domain.errors import BadConfig, Fault

API_VERSIONS = ("2026-09", "v3")

ObjectType = Literal["contacts", "0-3", "tasks"]
"""Deals go by their type id: the one spelling both versions of the specification know."""

BatchVerb = Literal["read", "create", "update", "upsert", "archive"]

_UNDATED = re.compile(r"^/crm/v[34]/(properties|pipelines|owners|associations)(?=/|$)")


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths of one API version; raises BadConfig for a version nobody checked this connector against."""

    api_version: str

    def __post_init__(self) -> None:
        if self.api_version not in API_VERSIONS:
            allowed = " or ".join(API_VERSIONS)
            raise BadConfig([Fault("config", "hubspot.api_version", f"must be {allowed}")])

    def account(self) -> str:
        return f"/account-info/{self.api_version}/details"

    def token_info(self) -> str:
        """What a token may do. It has no dated form; HubSpot's private apps page."""
        return "/oauth/v2/private-apps/get/access-token-info"

    def custom_property_limit(self) -> str:
        area = "v3/limits" if self.api_version == "v3" else f"limits/{self.api_version}"
        return f"/crm/{area}/custom-properties"

    def flows(self) -> str:
        """Workflows: HubSpot has published beta versions only, of which v4 is the oldest and steadiest."""
        return "/automation/v4/flows"

    def flows_batch(self) -> str:
        return f"{self.flows()}/batch/read"

    def objects(self, object_type: ObjectType) -> str:
        if self.api_version == "v3":
            return f"/crm/v3/objects/{object_type}"
        return f"/crm/objects/{self.api_version}/{object_type}"

    def search(self, object_type: ObjectType) -> str:
        return f"{self.objects(object_type)}/search"

    def batch(self, object_type: ObjectType, verb: BatchVerb) -> str:
        return f"{self.objects(object_type)}/batch/{verb}"

    def lists(self) -> str:
        return "/crm/v3/lists" if self.api_version == "v3" else f"/crm/lists/{self.api_version}"

    def lists_search(self) -> str:
        return f"{self.lists()}/search"

    def list_by_name(self, name: str) -> str:
        return f"{self.lists()}/object-type-id/0-1/name/{quote(name, safe='')}"

    def members(self, list_id: str, verb: Literal["add", "remove"]) -> str:
        return f"{self.lists()}/{quote(list_id, safe='')}/memberships/{verb}"

    def memberships(self) -> str:
        return f"{self.lists()}/records/memberships/batch/read"

    def enrolment(self, workflow_id: str, email: str) -> str:
        workflow = f"/automation/v2/workflows/{quote(workflow_id, safe='')}"
        return f"{workflow}/enrollments/contacts/{quote(email, safe='@')}"

    def email_events(self) -> str:
        """The mail log, which has no dated form."""
        return "/email/public/v1/events"

    def enrolments_of(self, contact_id: str) -> str:
        return f"/automation/v2/workflows/enrollments/contacts/{quote(contact_id, safe='')}"

    def of_vendor_package(self, path: str) -> str:
        """The path hubspot-api-client asks for, in our version: it knows v3 and v4 alone."""
        path = path.rstrip("/")
        return path if self.api_version == "v3" else _UNDATED.sub(rf"/crm/\1/{self.api_version}", path)
