"""Changes as JSON and back: the form in which plans and the ledger keep them."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from app.domain.changes import CANONICAL_ORDER, Change

_ADAPTERS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in CANONICAL_ORDER}


def to_row(change: Change) -> dict[str, Any]:
    """The change's fields plus its `kind`."""
    kind = type(change).__name__
    return {"kind": kind, **_ADAPTERS[kind].dump_python(change, mode="json")}


def from_row(row: dict[str, Any]) -> Change:
    """The change that `to_row` wrote. Raises pydantic's ValidationError when the row is not one."""
    fields = {name: value for name, value in row.items() if name != "kind"}
    change: Change = _ADAPTERS[row["kind"]].validate_python(fields)
    return change
