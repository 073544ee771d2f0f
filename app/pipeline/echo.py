"""Our own writes come back by webhook: an event that tells a value we wrote is no news, whoever it names."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.domain.edits import NOTHING, is_ours
from app.domain.portal import HubSpotMapping
from app.domain.records import ContactHint, Fact
from app.store import mirror
from app.store.facts import Cause


def without_echoes(
    conn: sa.Connection, found: Sequence[tuple[Fact, Cause]], mapping: HubSpotMapping
) -> list[tuple[Fact, Cause]]:
    """The facts without hints of a property of ours that has the value we wrote last, or sent without an
    answer yet. Any other value of one is somebody else's, or older than our last write: its contact is read
    again, and until then not written from memory.
    """
    ours = {
        fact.contact_id
        for fact, _ in found
        if isinstance(fact, ContactHint) and fact.property.startswith(mapping.prefix)
    }
    if not ours:
        return list(found)
    memories = mirror.memories_of(conn, sorted(ours))
    return [
        (fact, cause)
        for fact, cause in found
        if not (
            isinstance(fact, ContactHint)
            and fact.property.startswith(mapping.prefix)
            and is_ours(fact.property, fact.value, memories.get(fact.contact_id, NOTHING))
        )
    ]
