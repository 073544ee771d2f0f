"""The portal looked over for an operator: rights, room and workflows, each problem with its fix."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.changes import Problem
from app.domain.errors import BadCredentials, SaviaError
from app.domain.portal import Workflow
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.flows import flow_problems, lets_held_out_in, read_flows
from connectors.hubspot.lists import Lists
from connectors.hubspot.scopes import AUTOMATION, granted_scopes, scope_problems

NO_WORKFLOWS = (
    "this plan has no workflows (they come with Professional): the lists of the sequences fill, but nothing "
    "is sent; change the plan, or send by hand from the lists"
)


class HubSpotPortalCheck:
    """The PortalCheck of one portal."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client
        self._lists = Lists(client)

    def account(self) -> str:
        return str(self._client.account()["portalId"])

    def rights(self) -> list[Problem]:
        """None where HubSpot tells nothing of this kind of token: a call that is refused names its scope."""
        try:
            granted = granted_scopes(self._client)
        except SaviaError as failure:
            return [Problem("warning", "hubspot", str(failure))]
        return [] if granted is None else list(scope_problems(granted))

    def room(self, properties: int) -> list[Problem]:
        try:
            told = self._client.call("GET", self._client.paths.custom_property_limit())
        except SaviaError:
            return []  # a plan that tells no limit; making them will say
        rows = [row for row in told.get("byObjectType") or () if row.get("objectTypeId") == "0-1"]
        for row in rows:
            left = int(row["limit"]) - int(row["usage"])
            if left < properties:
                message = (
                    f"this plan has room for {left} more contact properties, {properties} of Savia's are "
                    "missing: delete some of yours, or take them out of mappings/hubspot.toml"
                )
                return [Problem("error", "hubspot", message)]
        return []

    def has_list(self, name: str) -> bool:
        return self._lists.find(name) is not None

    def workflows(self, wanted: Sequence[Workflow], holdout: str) -> list[Problem]:
        try:
            flows = read_flows(self._client)
        except BadCredentials:
            return self._no_flows()
        except SaviaError as failure:
            return [Problem("warning", "hubspot", f"the workflows could not be read: {failure}")]
        found: list[Problem] = []
        for workflow in wanted:
            definition = self._lists.find(workflow.list_name)
            list_id = None if definition is None else str(definition["listId"])
            found += flow_problems(workflow, list_id, flows)
            if holdout:
                found += lets_held_out_in(workflow, list_id, flows, holdout, self._lists)
        return found

    def _no_flows(self) -> list[Problem]:
        """Refused with the scope is the plan's fault; without it `rights` has said so."""
        granted = granted_scopes(self._client)
        if granted is not None and AUTOMATION not in granted:
            return []
        return [Problem("warning", "hubspot", NO_WORKFLOWS)]
