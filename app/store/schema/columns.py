"""What all tables share: their metadata and the types of their columns."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)

Id = sa.BigInteger
Stamp = sa.DateTime(timezone=True)
# Keys are compared and ordered byte by byte on every server, whatever its locale.
Key = sa.Text(collation="C")


def own_id() -> sa.Column[int]:
    """The column of a table whose rows are numbered as they come."""
    return sa.Column("id", Id, sa.Identity(always=True), primary_key=True)
