"""The brake: which limits a plan passes, in words for the operator. Such a plan waits for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from app.domain.changes import (
    CLEAR,
    AddToList,
    Change,
    Contact,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    RemoveFromList,
    SetProperties,
    Use,
)
from app.domain.past import Past
from app.domain.portal import HubSpotMapping

SMALLEST_LIST = 10
"""A list with fewer members empties in the course of things."""

LEAVES = "leaves "
"""Before a list's name: the name of what is taken of its limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts are per plan or per rolling day. Shares are per rolling day, of all leads HubSpot shows a score
    of ours for; `max_list_leaves` is a share of those who were on one list that day.
    """

    max_new_contacts: int
    max_list_joins: int
    max_enrolments: int
    max_tasks: int
    max_enrolments_per_day: int
    max_tasks_per_day: int
    max_new_contacts_share: float
    max_list_joins_share: float
    max_band_moves: float
    max_clears: float
    max_list_leaves: float
    max_mean_score_move: float
    minimum_population: int


def passed_limits(
    changes: Sequence[Change], uses: Mapping[str, Use], past: Past, limits: Limits
) -> Iterator[str]:
    """Each limit the plan passes, with its setting."""
    if not past.released_plans and changes:
        yield "the first plan always waits for a person"
    counts = Counter(type(change) for change in changes)
    for kind, limit, setting in (
        (CreateContact, limits.max_new_contacts, "max_new_contacts"),
        (AddToList, limits.max_list_joins, "max_list_joins"),
        (EnrolInWorkflow, limits.max_enrolments, "max_enrolments"),
        (CreateTask, limits.max_tasks, "max_tasks"),
    ):
        if counts.get(kind, 0) > limit:
            yield f"{counts[kind]} {kind.__name__}, {setting} is {limit}"
    yield from passed_today(uses, past.used_today)


def passed_today(uses: Mapping[str, Use], before: Mapping[str, float]) -> Iterator[str]:
    """Each limit of the day that these uses pass, after what was let through `before`: however a set of
    changes is cut into plans, no more of it goes out unattended than the limit.
    """
    for name, use in sorted(uses.items()):
        earlier = before.get(name, 0)
        if use.most is not None and use.amount > 0 and earlier + use.amount > use.most:
            after = f" after {earlier:,.10g} in the last 24 hours" if earlier else ""
            yield f"{use.amount:,.10g} {use.words}{after}, {use.setting}"


def uses_of(
    changes: Sequence[Change],
    current: Mapping[str, Contact],
    past: Past,
    mapping: HubSpotMapping,
    limits: Limits,
) -> dict[str, Use]:
    """What the plan takes of each limit of the day, by name; a limit it does not touch is absent."""
    found = chain(
        _counted(changes, past.population, limits),
        _list_leaves(changes, past, limits),
        _shares(changes, current, past.population, mapping, limits),
    )
    return {name: use for name, use in found if use.amount}


def _counted(changes: Sequence[Change], population: int, limits: Limits) -> Iterator[tuple[str, Use]]:
    counts = Counter(type(change) for change in changes)
    per_day = limits.max_enrolments_per_day, limits.max_tasks_per_day
    new = max(limits.max_new_contacts, limits.max_new_contacts_share * population)
    joins = max(limits.max_list_joins, limits.max_list_joins_share * population)
    for kind, most, setting in (
        (EnrolInWorkflow, per_day[0], f"max_enrolments_per_day is {per_day[0]}"),
        (CreateTask, per_day[1], f"max_tasks_per_day is {per_day[1]}"),
        (CreateContact, new, f"max_new_contacts_share is {limits.max_new_contacts_share:.0%}"),
        (AddToList, joins, f"max_list_joins_share is {limits.max_list_joins_share:.0%}"),
    ):
        yield kind.__name__, Use(counts.get(kind, 0), most, kind.__name__, setting)


def _list_leaves(changes: Sequence[Change], past: Past, limits: Limits) -> Iterator[tuple[str, Use]]:
    """An empty source never empties a list. Who was on it that day: who is, who left, and who joins now."""
    joins = Counter(change.list_name for change in changes if isinstance(change, AddToList))
    leaves = Counter(change.list_name for change in changes if isinstance(change, RemoveFromList))
    setting = f"max_list_leaves is {limits.max_list_leaves:.0%}"
    for name, leaving in leaves.items():
        use = LEAVES + name
        were_on = past.list_sizes.get(name, 0) + round(past.used_today.get(use, 0)) + joins[name]
        most = limits.max_list_leaves * were_on if were_on >= SMALLEST_LIST else None
        yield use, Use(leaving, most, f"of {were_on} members leave {name}", setting)


def _shares(
    changes: Sequence[Change],
    current: Mapping[str, Contact],
    population: int,
    mapping: HubSpotMapping,
    limits: Limits,
) -> Iterator[tuple[str, Use]]:
    judged = population >= limits.minimum_population

    def use(amount: float, limit: float, words: str, setting: str) -> Use:
        return Use(amount, limit * population if judged else None, words.format(population), setting)

    band_lists = {entry.name for entry in mapping.lists}
    moves = sum(isinstance(change, RemoveFromList) and change.list_name in band_lists for change in changes)
    setting = f"max_band_moves is {limits.max_band_moves:.0%}"
    yield "band moves", use(moves, limits.max_band_moves, "of {} leads change band", setting)
    sets = [change for change in changes if isinstance(change, SetProperties)]
    clears = sum(CLEAR in change.properties.values() for change in sets)
    setting = f"max_clears is {limits.max_clears:.0%}"
    yield "clears", use(clears, limits.max_clears, "of {} leads lose a value", setting)
    moved = list(_score_moves(sets, current, mapping))
    setting = f"max_mean_score_move is {limits.max_mean_score_move:g}"
    for name, points in (
        ("points more", sum(move for move in moved if move > 0)),
        ("points less", -sum(move for move in moved if move < 0)),
    ):
        yield name, use(points, limits.max_mean_score_move, f"{name} over {{}} leads", setting)


def _score_moves(
    sets: Sequence[SetProperties], current: Mapping[str, Contact], mapping: HubSpotMapping
) -> Iterator[float]:
    """New minus held score of each contact that already shows one and gets another. Rises and falls are told
    apart: a fault that lowers half of all and raises the other half would show in no sum.
    """
    name = next((item.name for item in mapping.properties if item.value == "score"), "")
    for change in sets:
        held = current[change.contact_id].properties.get(name, CLEAR)
        wanted = change.properties.get(name, CLEAR)
        if CLEAR not in (held, wanted):
            yield float(wanted) - float(held)
