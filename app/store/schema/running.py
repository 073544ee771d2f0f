"""Tables of the jobs themselves: runs, the clock, booked calls, the writer, processes."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from app.store.schema.columns import Id, Key, Stamp, metadata, own_id

run = sa.Table(
    "run",
    metadata,
    own_id(),
    sa.Column("job", Key, nullable=False),
    sa.Column("started_at", Stamp, nullable=False),
    sa.Column("progress", JSONB, nullable=False),
    sa.Column("finished_at", Stamp),
    sa.Column("result", JSONB),
    sa.Column("error", sa.Text),
)
sa.Index("ix_run_job", run.c.job, run.c.id.desc())

clock_slot = sa.Table(
    "clock_slot",
    metadata,
    sa.Column("job", Key, primary_key=True),
    sa.Column("slot", Stamp, primary_key=True),
    sa.Column("deferred_at", Stamp, nullable=False),
)

# The calls booked against a vendor's rate limit: one window, shared by every process.
call_slot = sa.Table(
    "call_slot",
    metadata,
    sa.Column("name", Key, nullable=False),
    sa.Column("at", Stamp, nullable=False),
    prefixes=["UNLOGGED"],
)
sa.Index("ix_call_slot_name_at", call_slot.c.name, call_slot.c.at)

# Who writes to HubSpot: one row, taken over when its holder stops confirming it.
writer = sa.Table(
    "writer",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column(
        "fence", Id, nullable=False, comment="goes up with every new writer: rows of an older one are refused"
    ),
    sa.Column("beat_at", Stamp, nullable=False),
)

# What each process needs in memory, as it says itself.
process = sa.Table(
    "process",
    metadata,
    sa.Column("kind", Key, primary_key=True),
    sa.Column("name", Key, primary_key=True),
    sa.Column("rss_mb", sa.Double, nullable=False),
    sa.Column("seen_at", Stamp, nullable=False),
    prefixes=["UNLOGGED"],
)
