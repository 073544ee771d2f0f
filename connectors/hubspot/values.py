"""Is what HubSpot shows the value we wrote?"""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.values import same_value


def shows(found: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Does a record show every wanted value? A property it does not hold counts as empty."""
    return all(same_value(value, found.get(name, "")) for name, value in wanted.items())
