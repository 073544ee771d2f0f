"""A plan may be stopped by an undo of what it wrote so far."""

from __future__ import annotations

from alembic import op

revision = "0100"
down_revision = "0090"


def upgrade() -> None:
    """Say what a plan's state may be."""
    op.execute("COMMENT ON COLUMN plan.state IS 'shown, applying, applied, stopped'")
