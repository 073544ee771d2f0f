"""The scopes a token needs, each with what does not work without it, and what HubSpot says a token has.

Source: the security blocks of HubSpot's OpenAPI collection; the private apps page for what a token may do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from app.domain.changes import Problem
from app.domain.errors import BadCredentials, BadRecord
from connectors.hubspot.client import HubSpotClient

AUTOMATION = "automation"

NEEDED = {
    "crm.objects.contacts.read": "no contact is read",
    "crm.objects.contacts.write": "no score and no task is written",
    "crm.schemas.contacts.read": "nobody sees whether a property of Savia's is missing",
    "crm.schemas.contacts.write": "missing properties are not made",
    "crm.lists.read": "no list is found, so nobody joins one",
    "crm.lists.write": "nobody joins or leaves a list, so no workflow starts",
    "crm.objects.deals.read": "nobody counts as converted",
    "crm.objects.owners.read": "tasks go to nobody",
}
WANTED = {AUTOMATION: "nobody sees whether the workflows are on and start as they should"}


def granted_scopes(client: HubSpotClient) -> frozenset[str] | None:
    """The scopes of our token; None for a kind of token that HubSpot does not tell about. Raises TryLater."""
    try:
        scopes = client.token_info().get("scopes")
    except (BadRecord, BadCredentials):
        return None
    known = isinstance(scopes, list) and all(isinstance(scope, str) for scope in scopes)
    return frozenset(scopes) if known and scopes is not None else None


def scope_problems(granted: Collection[str]) -> Iterator[Problem]:
    """One problem per scope that is not there; only what stops work is an error."""
    for scope, effect in (NEEDED | WANTED).items():
        if scope not in granted:
            message = f"the token lacks the scope {scope}: {effect}; add it and issue the token anew"
            yield Problem("error" if scope in NEEDED else "warning", "hubspot", message)
