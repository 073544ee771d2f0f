"""A call as a route sees it, and what a route is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.sandbox.hubspot.answers import Answer, invalid
from tests.sandbox.hubspot.crm import Crm
from tests.sandbox.hubspot.records import Kind

if TYPE_CHECKING:
    from tests.sandbox.hubspot.portal import HubSpotPortal


@dataclass(frozen=True, slots=True)
class Call:
    """One request that passed the gate. `dated` is true on 2026-09 paths."""

    path: str
    dated: bool
    arguments: dict[str, str]
    query: dict[str, list[str]]
    body: Any

    def one(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def many(self, name: str) -> list[str]:
        """A query parameter that repeats or holds commas."""
        return [part for value in self.query.get(name, []) for part in value.split(",") if part]

    def limit(self, most: int, default: int) -> int:
        """The page size, or 400 beyond what the endpoint gives."""
        text = self.one("limit", str(default))
        if not text.isdigit() or not 0 < int(text) <= most:
            raise invalid(f"Limit must be a number between 1 and {most}, got {text}.")
        return int(text)


@dataclass(frozen=True, slots=True)
class Route:
    """One operation with its paths in both families. `scopes` needs any one of them; "{}" in one stands for
    the object the path names. `writes` marks calls that change something.
    """

    method: str
    paths: tuple[str, ...]
    answer: Callable[[HubSpotPortal, Crm, Call], Answer]
    scopes: tuple[str, ...] = ()
    writes: bool = False
    search: bool = False

    def scopes_for(self, kind: Kind) -> tuple[str, ...]:
        """The scopes of which one is needed; tasks go with the contacts' own."""
        owner = "deals" if kind == "deals" else "contacts"
        return tuple(scope.format(owner) for scope in self.scopes)


def both(rest: str, area: str = "crm/objects", old: str = "crm/v3/objects") -> tuple[str, str]:
    """The dated and the older path of one operation."""
    return f"/{area}/2026-09{rest}", f"/{old}{rest}"
