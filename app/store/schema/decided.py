"""Tables of what is decided and written: plans, the ledger, the mirror, experiments."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.store.schema.columns import Id, Key, Stamp, metadata, own_id

plan = sa.Table(
    "plan",
    metadata,
    sa.Column("fingerprint", Key, primary_key=True),
    sa.Column("run_id", Id),
    sa.Column("made_at", Stamp, nullable=False),
    sa.Column("state", Key, nullable=False, comment="shown, applying, applied, stopped"),
    sa.Column("changes", JSONB, nullable=False),
    sa.Column("unsafe", JSONB, nullable=False),
    sa.Column("counts", JSONB, nullable=False),
    sa.Column("score_ids", JSONB, nullable=False, comment="person id -> the score that caused the changes"),
    sa.Column("before", JSONB, nullable=False, comment="change key -> what HubSpot held"),
    sa.Column("applied_at", Stamp),
    sa.Column("undoes", Id, comment="the run whose writes it takes back"),
    sa.Column("releases", Key, comment="the rules it releases for enrolments and tasks when it is applied"),
    sa.Column("alerted_at", Stamp, comment="when its waiting was logged: once"),
    sa.Column("dealt", JSONB, comment="the experiment and the arms it deals when it is applied"),
    sa.Column(
        "uses", JSONB, nullable=False, server_default="{}", comment="name -> what it takes of the day's limit"
    ),
)

# What plans that nobody looked at took of the day's limits, hour by hour: adding up a day costs the same
# however many plans it had.
day_total = sa.Table(
    "day_total",
    metadata,
    sa.Column("hour", Stamp, primary_key=True),
    sa.Column("name", Key, primary_key=True, comment="the limit: a kind, the leaves of a list, clears"),
    sa.Column("amount", sa.Double, nullable=False),
)

ledger = sa.Table(
    "ledger",
    metadata,
    own_id(),
    sa.Column("fingerprint", Key, nullable=False),
    sa.Column("change_key", Key, nullable=False, comment="natural key of the change within its plan"),
    sa.Column("kind", Key, nullable=False),
    sa.Column("person_id", Id),
    sa.Column("contact_id", Key),
    sa.Column("subject", Key, nullable=False, comment="list, workflow or task key; empty for properties"),
    sa.Column("change", JSONB, nullable=False),
    sa.Column("before", JSONB, comment="what HubSpot held just before: undo writes it back"),
    sa.Column("score_id", Id, comment="the score that caused it"),
    sa.Column("run_id", Id),
    sa.Column("state", Key, nullable=False, comment="intent, done, rejected"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("intended_at", Stamp, nullable=False),
    sa.Column("settled_at", Stamp),
    sa.Column("fence", Id),
    sa.UniqueConstraint("fingerprint", "change_key", name="uq_ledger"),
)
sa.Index("ix_ledger_person", ledger.c.person_id, ledger.c.id.desc())
sa.Index("ix_ledger_intent", ledger.c.id, postgresql_where=ledger.c.state == "intent")
# For the release before this one: contract: drop it with the next.
sa.Index(
    "ix_ledger_sent",
    ledger.c.intended_at,
    postgresql_where=ledger.c.kind.in_(["EnrolInWorkflow", "CreateTask"]),
)
sa.Index("ix_ledger_run", ledger.c.run_id)
sa.Index("ix_ledger_rejected", ledger.c.settled_at, postgresql_where=ledger.c.state == "rejected")
sa.Index("ix_ledger_once", ledger.c.kind, ledger.c.person_id, ledger.c.subject)

# People whose score or counts changed since HubSpot was last considered for them: the work list of
# write_back.
unwritten = sa.Table(
    "unwritten",
    metadata,
    sa.Column("person_id", Id, primary_key=True, autoincrement=False),
    sa.Column("since", Stamp, nullable=False),
    sa.Column("hot", sa.Boolean, nullable=False, server_default=sa.false()),
)
sa.Index("ix_unwritten_next", unwritten.c.hot.desc(), unwritten.c.since, unwritten.c.person_id)

# What HubSpot holds of ours per contact, as last written or read: the ledger folded together, so that
# finding what changed does not read years of it.
mirror = sa.Table(
    "mirror",
    metadata,
    sa.Column("contact_id", Key, primary_key=True),
    sa.Column("person_id", Id, nullable=False, index=True),
    sa.Column("properties", JSONB, nullable=False),
    sa.Column("lists", ARRAY(sa.Text), nullable=False),
    sa.Column("score_id", Id, comment="the score these values show"),
    sa.Column("updated_at", Stamp, nullable=False),
    sa.Column(
        "edited", JSONB, nullable=False, server_default="{}", comment="property -> what a person set instead"
    ),
    sa.Column(
        "seen_at",
        Stamp,
        comment="last modified, by HubSpot, when the contact stood as kept here; null: not known to stand so",
    ),
    sa.Column("read_at", Stamp, comment="when it was last read from HubSpot in full"),
)

# What a person decided for the whole installation: writes paused, rules released.
switch = sa.Table(
    "switch",
    metadata,
    sa.Column("name", Key, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("set_at", Stamp, nullable=False),
)

# The choice and the outcome of an experiment are fixed when it starts; one runs at a time.
experiment = sa.Table(
    "experiment",
    metadata,
    own_id(),
    sa.Column("salt", Key, nullable=False),
    sa.Column("holdout_share", sa.Double, nullable=False),
    sa.Column("outcome", Key, nullable=False),
    sa.Column("horizon_days", sa.Integer, nullable=False),
    sa.Column("started_at", Stamp, nullable=False),
    sa.Column("ended_at", Stamp),
    sa.Column("forecast", JSONB, comment="what it was expected to take when it began"),
)
sa.Index(
    "uq_experiment_open",
    experiment.c.ended_at.is_(None),
    unique=True,
    postgresql_where=experiment.c.ended_at.is_(None),
)

assignment = sa.Table(
    "assignment",
    metadata,
    sa.Column("experiment_id", Id, sa.ForeignKey("experiment.id"), primary_key=True),
    sa.Column("person_id", Id, primary_key=True, autoincrement=False),
    sa.Column("arm", Key, nullable=False, comment="treated, holdout"),
    sa.Column("stratum", Key, nullable=False, comment="the band at assignment"),
    sa.Column("assigned_at", Stamp, nullable=False),
    sa.Column("excluded", sa.Text, comment="why it is left out of the analysis"),
    sa.Column("merged_into", Id, comment="the person whose row counts instead"),
    sa.Column("taken_from", Id, comment="the person merged into this one whose arm it is"),
)
sa.Index(
    "ix_assignment_merged_into",
    assignment.c.merged_into,
    postgresql_where=assignment.c.merged_into.is_not(None),
)
sa.Index("ix_assignment_person_id", assignment.c.person_id)
