"""What each process of Savia needs in memory, as it said itself."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table; unlogged, since every process speaks again within a minute."""
    op.execute("""
        CREATE UNLOGGED TABLE process (
            kind TEXT COLLATE "C" NOT NULL,
            name TEXT COLLATE "C" NOT NULL,
            rss_mb DOUBLE PRECISION NOT NULL,
            seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_process PRIMARY KEY (kind, name)
        )
    """)
