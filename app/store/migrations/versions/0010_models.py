"""Trained models, when a lead's score is next due, how the scores are spread, and the receipt's grid."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0030"


def upgrade() -> None:
    """The text is frozen in the .sql file beside this one."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(text, execution_options={"no_parameters": True})
