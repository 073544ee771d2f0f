"""How new the mirror is, by HubSpot's clock; and a way from a delivery to what was seen in it."""

from __future__ import annotations

from alembic import op

revision = "0090"
down_revision = "0110"


def upgrade() -> None:
    """What was kept before this is read once more before it is trusted."""
    op.execute("ALTER TABLE mirror ADD COLUMN seen_at TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE mirror ADD COLUMN read_at TIMESTAMP WITH TIME ZONE")
    op.execute("""
        COMMENT ON COLUMN mirror.seen_at IS
        'last modified, by HubSpot, when the contact stood as kept here; null: not known to stand so'
    """)
    op.execute("COMMENT ON COLUMN mirror.read_at IS 'when it was last read from HubSpot in full'")
    op.execute("CREATE INDEX ix_observation_inbox ON observation (inbox_id) WHERE inbox_id IS NOT NULL")
