"""How long it takes from an act, by webhook or by sync, to the property in HubSpot, by what was written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

# A write belongs to the deliveries its score was the first to take in: those that came after the score before
# it. The oldest of them waited longest. It begins at the deliveries: a bulk of writes would hide the few that
# somebody waits for.
MEASURE = sa.text("""
    WITH came AS (
        SELECT DISTINCT i.person_id
        FROM (SELECT id, received_at FROM inbox ORDER BY id DESC LIMIT 5000) AS newest
        JOIN observation o ON o.inbox_id = newest.id JOIN identity i ON i.id = o.identity_id
        WHERE newest.received_at >= :since
    ), written AS (
        SELECT person_id, score_id, min(settled_at) AS settled_at
        FROM came JOIN ledger USING (person_id)
        WHERE state = 'done' AND kind IN ('SetProperties', 'CreateContact')
          AND settled_at >= :since AND score_id IS NOT NULL
        GROUP BY person_id, score_id
    ), waited AS (
        SELECT extract(epoch FROM w.settled_at - arrived.first_at) AS seconds
        FROM written w
        JOIN score s ON s.id = w.score_id
        LEFT JOIN LATERAL (
            SELECT scored_at FROM score WHERE score.person_id = s.person_id AND score.id < s.id
            ORDER BY score.id DESC LIMIT 1) AS before ON true
        CROSS JOIN LATERAL (
            SELECT min(inbox.received_at) AS first_at
            FROM identity i JOIN observation o ON o.identity_id = i.id JOIN inbox ON inbox.id = o.inbox_id
            WHERE i.person_id = w.person_id AND inbox.received_at <= s.scored_at
              AND inbox.received_at > coalesce(before.scored_at, '-infinity')) AS arrived
        WHERE arrived.first_at IS NOT NULL
    )
    SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds)
    FROM waited
""")


# The same of what a sync read and a lead did since then: what is older is history that a first sync brings.
# When a page was read is not kept: its run's beginning stands for that.
MEASURE_PULLED = sa.text("""
    WITH pulled AS (
        SELECT i.person_id, newest.occurred_at, run.started_at AS read_at
        FROM (SELECT identity_id, run_id, occurred_at FROM observation ORDER BY id DESC LIMIT 20000) AS newest
        JOIN run ON run.id = newest.run_id JOIN identity i ON i.id = newest.identity_id
        WHERE newest.occurred_at >= :since
    ), written AS (
        SELECT person_id, score_id, min(settled_at) AS settled_at
        FROM (SELECT DISTINCT person_id FROM pulled) AS came JOIN ledger USING (person_id)
        WHERE state = 'done' AND kind IN ('SetProperties', 'CreateContact')
          AND settled_at >= :since AND score_id IS NOT NULL
        GROUP BY person_id, score_id
    ), waited AS (
        SELECT extract(epoch FROM w.settled_at - min(p.occurred_at)) AS since_act,
               extract(epoch FROM w.settled_at - min(p.read_at)) AS since_read
        FROM written w
        JOIN score s ON s.id = w.score_id
        LEFT JOIN LATERAL (
            SELECT scored_at FROM score WHERE score.person_id = s.person_id AND score.id < s.id
            ORDER BY score.id DESC LIMIT 1) AS before ON true
        JOIN pulled p ON p.person_id = w.person_id AND p.read_at <= s.scored_at
            AND p.read_at > coalesce(before.scored_at, '-infinity')
        GROUP BY w.person_id, w.score_id, w.settled_at
    )
    SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY since_act),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY since_act),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY since_read),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY since_read)
    FROM waited
""")


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds from arrival to HubSpot: the median and the 95th percentile of so many writes."""

    writes: int
    p50: float | None
    p95: float | None

    def __str__(self) -> str:
        if self.p50 is None or self.p95 is None:
            return "nothing written that a webhook brought"
        return f"p50 {self.p50:.1f} s, p95 {self.p95:.1f} s of {self.writes} writes"


def measure(conn: sa.Connection, since: datetime) -> Freshness:
    """Freshness of what was written since then, of whom the newest 5,000 deliveries spoke."""
    writes, p50, p95 = conn.execute(MEASURE, {"since": since}).one()
    return Freshness(writes, None if p50 is None else float(p50), None if p95 is None else float(p95))


@dataclass(frozen=True, slots=True)
class Pulled:
    """Of so many writes that a sync brought: seconds from the act, and from the sync that read of it."""

    writes: int
    since_act: tuple[float, float]
    since_read: tuple[float, float]

    def __str__(self) -> str:
        if not self.writes:
            return "nothing written that a sync brought"
        act, read = (f"p50 {p50:,.0f} s, p95 {p95:,.0f} s" for p50, p95 in (self.since_act, self.since_read))
        return f"{act} after the act; {read} after its sync began, of {self.writes} writes"


def measure_pulled(conn: sa.Connection, since: datetime) -> Pulled:
    """Freshness of what was written since then about acts since then, of the newest 20,000 observations."""
    writes, *seconds = conn.execute(MEASURE_PULLED, {"since": since}).one()
    act50, act95, read50, read95 = (float(each or 0) for each in seconds)
    return Pulled(writes, (act50, act95), (read50, read95))
