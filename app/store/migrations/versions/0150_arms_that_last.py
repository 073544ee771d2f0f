"""Arms that survive merges and their undoing; one open experiment, begun by the plan that deals its arms."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0150"
down_revision = "0145"


def upgrade() -> None:
    """The text is frozen in the .sql file beside this one."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(text, execution_options={"no_parameters": True})
