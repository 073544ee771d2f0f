"""How many deliveries were refused, and why, so that a wrong secret is seen before it is missed."""

from __future__ import annotations

from alembic import op

revision = "0070"
down_revision = "0040"


def upgrade() -> None:
    """Make the table: one row per vendor and reason."""
    op.get_bind().exec_driver_sql(
        """
        CREATE TABLE refused_delivery (
            source TEXT COLLATE "C" NOT NULL,
            reason TEXT COLLATE "C" NOT NULL,
            count BIGINT NOT NULL,
            first_at TIMESTAMP WITH TIME ZONE NOT NULL,
            last_at TIMESTAMP WITH TIME ZONE NOT NULL,
            address TEXT NOT NULL,
            CONSTRAINT pk_refused_delivery PRIMARY KEY (source, reason)
        );
        COMMENT ON COLUMN refused_delivery.reason IS 'secret, stamp, address';
        COMMENT ON COLUMN refused_delivery.address IS 'where it was sent, told for the reason address';
        """,
        execution_options={"no_parameters": True},
    )
