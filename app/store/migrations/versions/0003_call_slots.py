"""The calls booked against a vendor's rate limit, shared by every process."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table; unlogged, since after a crash of the server the window has passed anyway."""
    op.execute("""
        CREATE UNLOGGED TABLE call_slot (
            name text COLLATE "C" NOT NULL,
            at timestamp with time zone NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_call_slot_name_at ON call_slot (name, at)")
