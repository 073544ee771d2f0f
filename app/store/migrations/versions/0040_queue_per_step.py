"""Each step's jobs in a queue of its own, so that a worker takes only jobs of steps it knows."""

from __future__ import annotations

from alembic import op

revision = "0040"
down_revision = "0020"


def upgrade() -> None:
    """Jobs that wait from before move to the queue of their step."""
    op.execute("UPDATE procrastinate_jobs SET queue_name = task_name WHERE queue_name = 'line'")
