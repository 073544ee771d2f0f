"""Readings of what leads write, and a way to find the texts."""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0005"


def upgrade() -> None:
    """Make the table and the index."""
    op.get_bind().exec_driver_sql(
        """
        CREATE TABLE text_reading (
            key TEXT COLLATE "C" NOT NULL,
            reader TEXT COLLATE "C" NOT NULL,
            sentiment TEXT COLLATE "C" NOT NULL,
            intent TEXT COLLATE "C" NOT NULL,
            pain_points TEXT[] COLLATE "C" NOT NULL,
            read_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_text_reading PRIMARY KEY (key)
        );
        COMMENT ON COLUMN text_reading.reader IS 'who read it in the end';
        CREATE INDEX ix_text_reading_read_at ON text_reading (read_at);
        CREATE INDEX ix_observation_text ON observation (id) WHERE attributes ->> 'text' <> '';
        """,
        execution_options={"no_parameters": True},
    )
