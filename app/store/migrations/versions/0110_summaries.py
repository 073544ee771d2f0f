"""What facts come to, packed; what is printed of each score; leads that cannot be scored."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0110"
down_revision = "0070"


def upgrade() -> None:
    """The text is frozen in the .sql file beside this one."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(text, execution_options={"no_parameters": True})
