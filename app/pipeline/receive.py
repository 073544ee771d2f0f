"""The door: a verified delivery becomes one inbox row. Nothing else happens while the vendor waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.domain.ports import WebhookSource
from app.services import Services
from app.store import door, refused


@dataclass(frozen=True, slots=True)
class Received:
    """What to answer: `accepted` is false for a bad signature; `answer` is for a URL challenge."""

    accepted: bool
    answer: Mapping[str, str] | None = None


def receive(
    services: Services,
    source: WebhookSource,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    called: str = "",
) -> Received:
    """Verify, then store. A delivery that is already known is accepted again and stored once. `called` is the
    address it came to; it is kept of one that the vendor really signed over it.
    """
    if not source.verify(headers, body, now):
        reason = source.why_refused(headers, body, called)
        if reason:
            address = called if reason == "address" else ""
            refused.note(services.database, source.name, reason, now, address)
        return Received(accepted=False)
    challenge = source.challenge(body)
    if challenge is None:
        door.land(services.database, source.name, body, now)
    return Received(accepted=True, answer=challenge)
