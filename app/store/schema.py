"""Every table of Savia, in the order the line runs. Written by migrations, read by the store's files.

Rows keep the id of the row that caused them, so that one lead's line can be read backwards.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)

Id = sa.BigInteger
Stamp = sa.DateTime(timezone=True)
# Keys are compared and ordered byte by byte on every server, whatever its locale.
Key = sa.Text(collation="C")


def _id() -> sa.Column[int]:
    return sa.Column("id", Id, sa.Identity(always=True), primary_key=True)


# --- receive ---------------------------------------------------------------------------------------------

inbox = sa.Table(
    "inbox",
    metadata,
    _id(),
    sa.Column("delivery_key", Key, nullable=False, unique=True, comment="sha256 of vendor and raw body"),
    sa.Column("source", Key, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("received_at", Stamp, nullable=False),
    sa.Column("state", Key, nullable=False, comment="new, done, ignored, quarantined"),
    sa.Column("settled_at", Stamp),
)
# Only what waits is indexed: finding work costs the same however long the history is.
sa.Index("ix_inbox_new", inbox.c.id, postgresql_where=inbox.c.state == "new")

refused_delivery = sa.Table(
    "refused_delivery",
    metadata,
    sa.Column("source", Key, primary_key=True),
    sa.Column("reason", Key, primary_key=True, comment="secret, stamp, address"),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("first_at", Stamp, nullable=False),
    sa.Column("last_at", Stamp, nullable=False),
    sa.Column("address", sa.Text, nullable=False, comment="where it was sent, told for the reason address"),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    _id(),
    sa.Column("fault_key", Key, nullable=False, unique=True, comment="sha256 of source, stream and payload"),
    sa.Column("source", Key, nullable=False),
    sa.Column("stream", Key, nullable=False, comment="empty when the body could not be read at all"),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("payload", JSONB, comment="the record; null when only the raw inbox body exists"),
    sa.Column("inbox_id", Id),
    sa.Column("run_id", Id),
    sa.Column("state", Key, nullable=False, comment="open, replayed"),
    sa.Column("created_at", Stamp, nullable=False),
    sa.Column("replayed_at", Stamp),
)

cursor = sa.Table(
    "cursor",
    metadata,
    sa.Column("source", Key, primary_key=True),
    sa.Column("stream", Key, primary_key=True),
    sa.Column("position", JSONB, nullable=False),
    sa.Column("updated_at", Stamp, nullable=False),
)

# --- people ----------------------------------------------------------------------------------------------

person = sa.Table(
    "person",
    metadata,
    _id(),
    sa.Column("created_at", Stamp, nullable=False),
)

identity = sa.Table(
    "identity",
    metadata,
    _id(),
    sa.Column("vendor", Key, nullable=False),
    sa.Column("kind", Key, nullable=False),
    sa.Column("value", Key, nullable=False),
    sa.Column("person_id", Id, sa.ForeignKey("person.id"), nullable=False, index=True),
    sa.Column("created_at", Stamp, nullable=False),
    sa.Column("ended_at", Stamp, comment="a contact id that HubSpot merged into another: found, not written"),
    sa.UniqueConstraint("vendor", "kind", "value", name="uq_identity"),
)

merge = sa.Table(
    "merge",
    metadata,
    _id(),
    sa.Column("kept_person_id", Id, nullable=False),
    sa.Column("merged_person_id", Id, nullable=False),
    sa.Column("identity_ids", ARRAY(Id), nullable=False, comment="what moved: moving them back undoes it"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("merged_at", Stamp, nullable=False),
)

profile = sa.Table(
    "profile",
    metadata,
    sa.Column("identity_id", Id, sa.ForeignKey("identity.id"), primary_key=True),
    sa.Column("source", Key, primary_key=True),
    sa.Column("fields", JSONB, nullable=False),
    sa.Column("observed_at", Stamp, nullable=False),
    sa.Column("inbox_id", Id),
    sa.Column("run_id", Id),
)

# --- facts -----------------------------------------------------------------------------------------------

observation = sa.Table(
    "observation",
    metadata,
    _id(),
    sa.Column("source", Key, nullable=False),
    sa.Column("key", Key, nullable=False, comment="the source's own key of this event"),
    sa.Column("kind", Key, nullable=False),
    sa.Column("identity_id", Id, sa.ForeignKey("identity.id"), index=True, comment="null: anonymous"),
    sa.Column("occurred_at", Stamp, nullable=False),
    sa.Column("quantity", sa.Double, nullable=False),
    sa.Column("scope", Key, nullable=False),
    sa.Column("attributes", JSONB, nullable=False),
    sa.Column("inbox_id", Id),
    sa.Column("run_id", Id),
    sa.UniqueConstraint("source", "key", name="uq_observation"),
)
# A webinar run that changes (its end becomes known) touches everybody who was there.
sa.Index("ix_observation_text", observation.c.id, postgresql_where=sa.text("attributes ->> 'text' <> ''"))
sa.Index("ix_observation_inbox", observation.c.inbox_id, postgresql_where=observation.c.inbox_id.is_not(None))
sa.Index("ix_observation_scope", observation.c.scope, postgresql_where=observation.c.scope != "")

occurrence = sa.Table(
    "occurrence",
    metadata,
    sa.Column("source", Key, primary_key=True),
    sa.Column("uuid", Key, primary_key=True),
    sa.Column("webinar_id", Key, nullable=False, index=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("starts_at", Stamp, nullable=False),
    sa.Column("ends_at", Stamp),
    sa.Column("created_at", Stamp),
    sa.Column("host_id", Key, nullable=False),
)

deal = sa.Table(
    "deal",
    metadata,
    sa.Column("source", Key, primary_key=True),
    sa.Column("deal_id", Key, primary_key=True),
    sa.Column("contact_ids", ARRAY(Key), nullable=False),
    sa.Column("pipeline", Key, nullable=False),
    sa.Column("stage", Key, nullable=False),
    sa.Column("amount", sa.Numeric),
    sa.Column("is_closed", sa.Boolean, nullable=False),
    sa.Column("is_won", sa.Boolean, nullable=False),
    sa.Column("created_at", Stamp, nullable=False),
    sa.Column("closed_at", Stamp),
    sa.Column("modified_at", Stamp, nullable=False),
    sa.Column("run_id", Id),
)
sa.Index("ix_deal_contact_ids", deal.c.contact_ids, postgresql_using="gin")

reference = sa.Table(
    "reference",
    metadata,
    sa.Column("source", Key, primary_key=True),
    sa.Column("kind", Key, primary_key=True),
    sa.Column("reference_id", Key, primary_key=True),
    sa.Column("body", JSONB, nullable=False),
    sa.Column("updated_at", Stamp, nullable=False),
)

# The contacts a webhook named: they wait to be re-read from HubSpot.
hint = sa.Table(
    "hint",
    metadata,
    sa.Column("contact_id", Key, primary_key=True),
    sa.Column("hinted_at", Stamp, nullable=False),
    sa.Column("inbox_id", Id),
)

# Erasures asked for by HubSpot: proof without personal data.
erasure = sa.Table(
    "erasure",
    metadata,
    _id(),
    sa.Column("subject_hash", Key, nullable=False, comment="sha256 of vendor and contact id"),
    sa.Column("erased_at", Stamp, nullable=False),
    sa.Column("row_counts", JSONB, nullable=False),
)

# --- understand ------------------------------------------------------------------------------------------

# People whose facts changed since their score: the work list of rescore. Hot: a webhook brought it.
touched = sa.Table(
    "touched",
    metadata,
    sa.Column("person_id", Id, primary_key=True, autoincrement=False),
    sa.Column("touched_at", Stamp, nullable=False),
    sa.Column("hot", sa.Boolean, nullable=False, server_default=sa.false()),
)
sa.Index("ix_touched_next", touched.c.hot.desc(), touched.c.touched_at, touched.c.person_id)

activity = sa.Table(
    "activity",
    metadata,
    sa.Column("person_id", Id, primary_key=True, autoincrement=False),
    sa.Column("kind", Key, primary_key=True),
    sa.Column("fact_key", Key, primary_key=True),
    sa.Column("occurred_at", Stamp, nullable=False),
    sa.Column("quantity", sa.Double, nullable=False),
    sa.Column("attributes", JSONB, nullable=False),
    sa.Column("observation_ids", ARRAY(Id), nullable=False),
)

# What a text says, under a hash of its redacted words and its reader: nothing here tells who wrote it.
text_reading = sa.Table(
    "text_reading",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("reader", Key, nullable=False, comment="who read it in the end"),
    sa.Column("sentiment", Key, nullable=False),
    sa.Column("intent", Key, nullable=False),
    sa.Column("pain_points", ARRAY(Key), nullable=False),
    sa.Column("read_at", Stamp, nullable=False),
)
sa.Index("ix_text_reading_read_at", text_reading.c.read_at)

feature = sa.Table(
    "feature",
    metadata,
    sa.Column("person_id", Id, primary_key=True, autoincrement=False),
    sa.Column("values", JSONB, nullable=False),
    sa.Column("computed_at", Stamp, nullable=False),
)

# What a lead's facts come to, packed: scoring again because time passed, or by another model, reads no facts.
summary = sa.Table(
    "summary",
    metadata,
    sa.Column("person_id", Id, primary_key=True, autoincrement=False),
    sa.Column("rules", Key, nullable=False, comment="hash of the rules it was made by"),
    sa.Column("holds_from", Stamp, nullable=False),
    sa.Column("holds_until", Stamp, comment="when something other than fading changes"),
    sa.Column("look_at", Stamp, comment="when to look at the facts again"),
    sa.Column("worth_at", Stamp, nullable=False, comment="the last act that counts"),
    sa.Column("kinds", Key, nullable=False, comment="kinds of activity that count"),
    sa.Column("worths", sa.LargeBinary, nullable=False, comment="float8 each: what they were worth then"),
    sa.Column("numbers", sa.LargeBinary, nullable=False, comment="float8 each, NaN unknown: features"),
    sa.Column("words", sa.Text, nullable=False, comment="features that are categories"),
)

# What is printed of each lead's score, beside what ranks it: narrow, since scoring again rewrites it.
standing = sa.Table(
    "standing",
    metadata,
    sa.Column("person_id", Id, primary_key=True, autoincrement=False),
    sa.Column(
        "standing", sa.Double, comment="what ranks the lead: probability, or a hundredth of its points"
    ),
    sa.Column("due_at", Stamp, comment="when time alone changes what is printed of the score"),
    sa.Column("value", sa.SmallInteger),
    sa.Column("band", Key),
    sa.Column("method", Key),
    sa.Column("engagement", sa.Double, comment="as the newest score says it"),
)
sa.Index("ix_standing_due", standing.c.due_at, postgresql_where=standing.c.due_at.is_not(None))

# Leads whose facts break scoring in a way nobody foresaw: tried again when their facts change.
unscored = sa.Table(
    "unscored",
    metadata,
    sa.Column("person_id", Id, primary_key=True, autoincrement=False),
    sa.Column("failure", sa.Text, nullable=False, comment="its kind; its words may be personal"),
    sa.Column("since", Stamp, nullable=False),
)

score = sa.Table(
    "score",
    metadata,
    _id(),
    sa.Column("person_id", Id, nullable=False),
    sa.Column("value", sa.SmallInteger, nullable=False),
    sa.Column("band", Key, nullable=False),
    sa.Column("probability", sa.Double),
    sa.Column("method", Key, nullable=False),
    sa.Column("engagement", sa.Double, nullable=False),
    sa.Column("receipt", JSONB, nullable=False),
    sa.Column("scored_at", Stamp, nullable=False),
    sa.Column("grid", Key, nullable=False, server_default=""),
)
# The newest row of a person is the score; the older ones are its history.
sa.Index("ix_score_person", score.c.person_id, score.c.id.desc())

# How many leads stand where: a percentile and bands by capacity cost no look at all of them. One row.
spread = sa.Table(
    "spread",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("counts", JSONB, nullable=False, comment="thousandth of a standing -> leads"),
    sa.Column("starts", JSONB, comment="the lowest standing of each band, where bands go by capacity"),
    sa.Column("made_at", Stamp, nullable=False),
    sa.Column("starts_at", Stamp),
)

# Trained models: a dyno's disk does not last. The bytes run no code when loaded.
model = sa.Table(
    "model",
    metadata,
    _id(),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
    sa.Column("sha256", Key, nullable=False),
    sa.Column("report", JSONB, nullable=False),
    sa.Column("trained_at", Stamp, nullable=False),
    sa.Column("state", Key, nullable=False, comment="champion, previous, refused"),
    sa.Column("watched", JSONB, comment="drift, calibration since training, alarms"),
    sa.Column("watched_at", Stamp),
)
sa.Index("ix_model_champion", model.c.state, unique=True, postgresql_where=model.c.state == "champion")

# --- decide and write ------------------------------------------------------------------------------------

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
    _id(),
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
    _id(),
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

# --- runs ------------------------------------------------------------------------------------------------

run = sa.Table(
    "run",
    metadata,
    _id(),
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
