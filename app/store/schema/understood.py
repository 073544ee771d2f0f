"""Tables of what facts come to: activities, features, scores, models."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.store.schema.columns import Id, Key, Stamp, metadata, own_id

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
    own_id(),
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
    own_id(),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
    sa.Column("sha256", Key, nullable=False),
    sa.Column("report", JSONB, nullable=False),
    sa.Column("trained_at", Stamp, nullable=False),
    sa.Column("state", Key, nullable=False, comment="champion, previous, refused"),
    sa.Column("watched", JSONB, comment="drift, calibration since training, alarms"),
    sa.Column("watched_at", Stamp),
)
sa.Index("ix_model_champion", model.c.state, unique=True, postgresql_where=model.c.state == "champion")
