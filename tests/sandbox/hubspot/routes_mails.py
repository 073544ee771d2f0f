"""The event log of sent mails: v1, newest first, an opaque offset that does not last."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from tests.sandbox.hubspot.answers import Answer, Json, Refusal, invalid
from tests.sandbox.hubspot.calls import Call, Route
from tests.sandbox.hubspot.crm import Crm

if TYPE_CHECKING:
    from tests.sandbox.hubspot.portal import HubSpotPortal


def _events(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    log = portal.mails
    if log.gone:
        raise Refusal(404, {})
    found = sorted(filter(lambda row: _is_asked(row, call), log.rows), key=lambda row: -row["created"])
    begin = _begin(portal, call.one("offset"))
    limit = min(call.limit(1000, 10), log.most)
    end = begin + limit
    offset = str(uuid.uuid4())
    log.offsets[offset] = (end, portal.now())
    return Answer(200, {"events": found[begin:end], "hasMore": end < len(found), "offset": offset})


def _is_asked(row: Json, call: Call) -> bool:
    start, stop = call.one("startTimestamp", "0"), call.one("endTimestamp", "9" * 15)
    types = call.many("eventType")
    return int(start) <= row["created"] < int(stop) and (not types or row["type"] in types)


def _begin(portal: HubSpotPortal, offset: str) -> int:
    if not offset:
        return 0
    begin, given_at = portal.mails.offsets.get(offset, (-1, 0.0))
    lifetime = portal.mails.offset_seconds
    if begin < 0 or (lifetime is not None and portal.now() >= given_at + lifetime):
        raise invalid("The offset is not valid or has expired.")
    return begin


ROUTES = (Route("GET", ("/email/public/v1/events",), _events, ("content",)),)
