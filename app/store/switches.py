"""What holds for the whole installation: writes paused, rules released, the portal and what it knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.store.schema.decided import switch as table

Name = Literal["paused", "released_rules", "scoring_rules", "portal", "marketing_contacts"]


@dataclass(frozen=True, slots=True)
class Switch:
    """How a switch stands, since when."""

    value: str
    set_at: datetime


def turn(conn: sa.Connection, name: Name, value: str, at: datetime) -> None:
    """Set a switch; one that stands so already keeps its moment."""
    statement = insert(table).values(name=name, value=value, set_at=at)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[table.c.name],
            set_={"value": value, "set_at": at},
            where=table.c.value != value,
        )
    )


def clear(conn: sa.Connection, name: Name) -> bool:
    """Take a switch away. False when it was not set."""
    return conn.execute(sa.delete(table).where(table.c.name == name)).rowcount > 0


def read(conn: sa.Connection, name: Name) -> Switch | None:
    """The switch, or None while it is not set."""
    row = conn.execute(sa.select(table.c.value, table.c.set_at).where(table.c.name == name)).first()
    return None if row is None else Switch(row.value, row.set_at)
