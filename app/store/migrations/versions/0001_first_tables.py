"""The first tables. Their text is frozen in the .sql file beside this one: later migrations change them."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Several statements at once go to the driver as they are: no parameters, nothing to escape."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(text, execution_options={"no_parameters": True})
