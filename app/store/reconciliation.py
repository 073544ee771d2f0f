"""Who the reports of webinar runs name, beside whom HubSpot knows: read, never written."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.domain.people import is_role_mailbox
from app.domain.reconciliation import HeldAttendee, ReportCount, Why
from app.domain.records import IdentityKey

COUNTS = sa.text("""
    SELECT reference_id, CAST(body ->> 'attendees' AS int) AS attendees,
           CAST(body ->> 'is_final' AS boolean) AS is_final
    FROM reference WHERE source = 'zoom' AND kind = 'attendance_count'
""")
# A team's mailbox joins no person: the registration alone tells that it was one.
ATTENDEES = sa.text("""
    WITH named AS (
        SELECT o.scope, coalesce(o.attributes ->> 'attendee', o.key) AS attendee,
               max(i.person_id) AS person_id
        FROM observation o LEFT JOIN identity i ON i.id = o.identity_id
        WHERE o.kind = 'webinar_segment' AND o.scope = ANY(CAST(:uuids AS text[]))
          AND coalesce(o.attributes ->> 'role', 'attendee') = 'attendee'
        GROUP BY 1, 2
    ), contact AS (
        SELECT c.person_id, bool_or(p.fields ->> 'archived' IS DISTINCT FROM 'true') AS is_there
        FROM identity c LEFT JOIN profile p ON p.identity_id = c.id AND p.source = 'hubspot'
        WHERE c.vendor = 'hubspot' AND c.kind = 'contact_id' AND c.ended_at IS NULL
          AND c.person_id IN (SELECT person_id FROM named)
        GROUP BY 1
    )
    SELECT named.scope, named.attendee, named.person_id, contact.is_there,
        ARRAY(SELECT e.value FROM identity e WHERE e.person_id = named.person_id AND e.kind = 'email'
              UNION
              SELECT split_part(r.key, '|', 3) FROM identity e JOIN observation r ON r.identity_id = e.id
              WHERE e.person_id = named.person_id AND r.kind = 'registration') AS emails
    FROM named LEFT JOIN contact USING (person_id) ORDER BY 1, 2
""")


def report_counts(conn: sa.Connection) -> list[ReportCount]:
    """What each run's report counted, as read last."""
    return [ReportCount(*row) for row in conn.execute(COUNTS)]


def held_attendees(conn: sa.Connection, uuids: Sequence[str]) -> list[HeldAttendee]:
    """Everybody whom these runs' reports name as an attendee, each once a run."""
    return [
        HeldAttendee(row.scope, row.attendee, row.person_id, _why(row))
        for row in conn.execute(ATTENDEES, {"uuids": list(uuids)})
    ]


def _why(row: sa.Row[tuple[object, ...]]) -> Why:
    if row.is_there:
        return ""
    if row.person_id is None:
        return "anonymous"
    if any(is_role_mailbox(IdentityKey("any", "email", email)) for email in row.emails):
        return "role_mailbox"
    return "no_contact" if row.is_there is None else "deleted"
