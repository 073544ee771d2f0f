"""ActiveCampaign's deliveries: unsigned forms, so what proves them is a secret in our address.

Source: developers.activecampaign.com "Webhooks": one event per POST, application/x-www-form-urlencoded with
bracketed keys, no signature, no retry; an answer of 410 ends the webhook for good.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from app.domain.errors import BadRecord
from app.domain.ports import PATH_HEADER, WhyRefused
from app.domain.records import Record
from connectors.activecampaign.belongings import listed
from connectors.activecampaign.moments import minute

MOST_FIELDS = 2_000
DEEPEST = 8

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_STEPS = re.compile(r"\[([^\[\]]*)\]")


class ActiveCampaignWebhook:
    """A WebhookSource for one account. With an empty secret nothing is accepted."""

    name = "activecampaign"

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:  # noqa: ARG002 nothing is signed or stamped
        """Did it come to the address only ActiveCampaign was told? Raises nothing."""
        given = _path_of(headers)
        # Compared as bytes: compare_digest refuses text that is not ASCII.
        same = hmac.compare_digest(self._secret.encode(), given.encode(errors="replace"))
        return bool(self._secret) and same

    def why_refused(self, headers: Mapping[str, str], body: bytes, called: str) -> WhyRefused:  # noqa: ARG002 the same
        """A form with an event in it, sent to another secret than ours."""
        try:
            self.parse(body)
        except BadRecord:
            return ""
        return "secret" if _path_of(headers) else ""

    def challenge(self, body: bytes) -> dict[str, str] | None:  # noqa: ARG002 ActiveCampaign validates no address
        """Never: an address is taken as it is."""
        return None

    def parse(self, body: bytes) -> tuple[Record, ...]:
        """One record: the stream is the event's name, the payload its fields as nested objects, plus
        `minute`, the UTC minute of the event, and `tags`, those the contact has after it, where it tells.
        """
        fields = _fields(body)
        event = fields.get("type")
        if not isinstance(event, str) or not _NAME.fullmatch(event):
            raise BadRecord("type", "the delivery does not name its event")
        told = {"minute": minute(fields.get("date_time"))} | _tags(event, fields)
        return (Record(self.name, event, fields | told),)


def _path_of(headers: Mapping[str, str]) -> str:
    values = {name.lower(): value for name, value in headers.items()}
    return values.get(PATH_HEADER.lower(), "").strip("/")


def _tags(event: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """Whether `contact[tags]` is of before or after the event is not documented: the event counts."""
    contact = fields.get("contact")
    told = contact.get("tags") if isinstance(contact, dict) else None
    if not isinstance(told, str):
        return {}
    names = {name.strip() for name in told.split(",")}
    changed = {fields["tag"].strip()} if isinstance(fields.get("tag"), str) else set()
    if event == "contact_tag_added":
        names |= changed
    if event == "contact_tag_removed":
        names -= changed
    return {"tags": listed(names)}


def _fields(body: bytes) -> dict[str, Any]:
    """campaign[message][id]=9 as {"campaign": {"message": {"id": "9"}}}. Raises BadRecord."""
    try:
        pairs = parse_qsl(
            body.decode(errors="replace"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="replace",
        )
    except ValueError:
        raise BadRecord("type", "the form has too many fields; look at it with `jobs quarantine`") from None
    nested: dict[str, Any] = {}
    for key, value in pairs:
        _put(nested, key, value)
    return nested


def _put(nested: dict[str, Any], key: str, value: str) -> None:
    """A name that is both text and object (`list` and `list[id]`) keeps the text under ""."""
    head, bracket, rest = key.partition("[")
    *path, last = [head, *_STEPS.findall(bracket + rest)][:DEEPEST]
    place = nested
    for step in path:
        inner = place.get(step)
        if not isinstance(inner, dict):
            inner = {} if inner is None else {"": inner}
            place[step] = inner
        place = inner
    if isinstance(place.get(last), dict):
        place[last][""] = value
    else:
        place[last or str(len(place))] = value
