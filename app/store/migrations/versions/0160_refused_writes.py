"""Writes that HubSpot refused are found by when it did."""

from __future__ import annotations

from alembic import op

revision = "0160"
down_revision = "0150"


def upgrade() -> None:
    """Few rows are refused: the index is small however long the ledger is."""
    op.execute("CREATE INDEX ix_ledger_rejected ON ledger (settled_at) WHERE state = 'rejected'")
