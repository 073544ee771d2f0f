"""Tables of what vendors sent or were asked for: deliveries, people, facts."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.store.schema.columns import Id, Key, Stamp, metadata, own_id

# --- receive ---------------------------------------------------------------------------------------------

inbox = sa.Table(
    "inbox",
    metadata,
    own_id(),
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
    own_id(),
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
    own_id(),
    sa.Column("created_at", Stamp, nullable=False),
)

identity = sa.Table(
    "identity",
    metadata,
    own_id(),
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
    own_id(),
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
    own_id(),
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
    own_id(),
    sa.Column("subject_hash", Key, nullable=False, comment="sha256 of vendor and contact id"),
    sa.Column("erased_at", Stamp, nullable=False),
    sa.Column("row_counts", JSONB, nullable=False),
)
