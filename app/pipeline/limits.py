"""The brake's limits as set, and the sizes of the lists that a plan takes somebody off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from app.domain.brake import LEAVES, SMALLEST_LIST, Limits
from app.domain.changes import Contact, Plan, RemoveFromList
from app.domain.past import Past
from app.domain.plan import braked
from app.services import Services
from app.store import mirror


def limits_of(services: Services) -> Limits:
    """The brake as configured."""
    values = services.settings.write_back.model_dump()
    return Limits(**{name: values[name] for name in Limits.__slots__})


def held_by_lists(services: Services, plan: Plan, current: Mapping[str, Contact], past: Past) -> Plan:
    """The plan, judged by the sizes of the lists that somebody leaves: most plans need no look through all
    contacts. A list so large that what leaves it today is within its share is not counted out.
    """
    leaves = Counter(change.list_name for change in plan.changes if isinstance(change, RemoveFromList))
    if not leaves:
        return plan
    most = max(count + past.used_today.get(LEAVES + name, 0) for name, count in leaves.items())
    share = max(services.settings.write_back.max_list_leaves, 0.001)
    with services.database.connect() as conn:
        sizes = mirror.list_sizes(conn, sorted(leaves), int(max(most, SMALLEST_LIST) / share) + 1)
    mapping = services.mappings.hubspot
    return braked(plan, current, replace(past, list_sizes=sizes), mapping, limits_of(services))
