"""What a listing of contacts tells besides: each contact's tags, automations and scores, by name.

Asked for with `include`, they cost no call of their own. The answer holds them beside the contacts, as rows
that name their contact; a kind the account does not tell is absent, and then unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.activecampaign.client import Row, rows_of

INCLUDE = "contactTags.tag,contactAutomations.automation,scoreValues.score"


@dataclass(frozen=True, slots=True)
class _Kind:
    """The rows of `label` name a contact and, under `reference`, a row of `table`, called by its `name`.
    `value` is a field of the row that is shown behind the name.
    """

    label: str
    reference: str
    table: str
    name: str
    value: str = ""


_KINDS = {
    "tags": _Kind("contactTags", "tag", "tags", "tag"),
    "automations": _Kind("contactAutomations", "automation", "automations", "name"),
    "scores": _Kind("scoreValues", "score", "scores", "name", "scoreValue"),
}


def joined(contacts: Iterable[Row], body: Mapping[str, Any]) -> list[Row]:
    """The contacts with `tags`, `automations` and `scores`, each a text: "demo, webinar", "Fit: 40"."""
    told = {name: _by_contact(kind, body) for name, kind in _KINDS.items() if kind.label in body}
    return [
        row | {name: names.get(str(row.get("id")), "") for name, names in told.items()} for row in contacts
    ]


def listed(names: Iterable[str]) -> str:
    """Names as one text that does not depend on their order."""
    return ", ".join(sorted({name.strip() for name in names} - {""}))


def _by_contact(kind: _Kind, body: Mapping[str, Any]) -> dict[str, str]:
    called = {str(row.get("id")): str(row.get(kind.name) or "") for row in rows_of(body, kind.table)}
    found: dict[str, list[str]] = {}
    for row in rows_of(body, kind.label):
        name = called.get(str(row.get(kind.reference)), "")
        value = f": {row.get(kind.value)}" if name and kind.value else ""
        found.setdefault(str(row.get("contact")), []).append(name + value)
    return {contact_id: listed(names) for contact_id, names in found.items()}
