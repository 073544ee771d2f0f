"""The tables and functions of the job engine: procrastinate's own schema, at the version we pin.

A later procrastinate brings its own migration files: each becomes a migration of ours.
"""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Several statements at once go to the driver as they are: no parameters, nothing to escape."""
    op.get_bind().exec_driver_sql(SchemaManager.get_schema(), execution_options={"no_parameters": True})
