"""The brake: which limits a plan passes, in words for the operator. Such a plan waits for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
)
from app.domain.desired import Desired
from app.domain.past import Past
from app.domain.portal import HubSpotMapping

SMALLEST_LIST = 10
"""A list with fewer members empties in the course of things."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts are per plan or per rolling day, shares are of all leads HubSpot shows a score of ours for;
    `max_list_leaves` is a share of one list's members.
    """

    max_new_contacts: int
    max_list_joins: int
    max_enrolments: int
    max_tasks: int
    max_enrolments_per_day: int
    max_tasks_per_day: int
    max_band_moves: float
    max_clears: float
    max_list_leaves: float
    max_mean_score_move: float
    minimum_population: int


def passed_limits(
    changes: Sequence[Change],
    desired: Sequence[Desired],
    current: Mapping[str, Contact],
    past: Past,
    mapping: HubSpotMapping,
    limits: Limits,
) -> Iterator[str]:
    """Each limit the plan passes, with its setting."""
    if not past.released_plans and changes:
        yield "the first plan always waits for a person"
    counts = Counter(type(change) for change in changes)
    yield from _counts(counts, limits)
    yield from _day(counts, past, limits)
    yield from _emptied_lists(changes, past, limits)
    if past.population >= limits.minimum_population:
        yield from _shares(changes, desired, current, past.population, mapping, limits)


def _counts(counts: Mapping[type, int], limits: Limits) -> Iterator[str]:
    for kind, limit, setting in (
        (CreateContact, limits.max_new_contacts, "max_new_contacts"),
        (AddToList, limits.max_list_joins, "max_list_joins"),
        (EnrolInWorkflow, limits.max_enrolments, "max_enrolments"),
        (CreateTask, limits.max_tasks, "max_tasks"),
    ):
        if counts.get(kind, 0) > limit:
            yield f"{counts[kind]} {kind.__name__}, {setting} is {limit}"


def _day(counts: Mapping[type, int], past: Past, limits: Limits) -> Iterator[str]:
    for kind, before, limit, setting in (
        (EnrolInWorkflow, past.enrolments_today, limits.max_enrolments_per_day, "max_enrolments_per_day"),
        (CreateTask, past.tasks_today, limits.max_tasks_per_day, "max_tasks_per_day"),
    ):
        planned = counts.get(kind, 0)
        if planned and before + planned > limit:
            yield f"{planned} {kind.__name__} after {before} in the last 24 hours, {setting} is {limit}"


def _emptied_lists(changes: Sequence[Change], past: Past, limits: Limits) -> Iterator[str]:
    """An empty source never empties a list: that shows as many leaving and hardly anybody joining."""
    joins = Counter(change.list_name for change in changes if isinstance(change, AddToList))
    leaves = Counter(change.list_name for change in changes if isinstance(change, RemoveFromList))
    for name, leaving in sorted(leaves.items()):
        members, lost = past.list_sizes.get(name, 0), leaving - joins[name]
        if members >= SMALLEST_LIST and lost / members > limits.max_list_leaves:
            share = f"max_list_leaves is {limits.max_list_leaves:.0%}"
            yield f"{name} goes from {members} to {members - lost} members, {share}"


def _shares(
    changes: Sequence[Change],
    desired: Sequence[Desired],
    current: Mapping[str, Contact],
    population: int,
    mapping: HubSpotMapping,
    limits: Limits,
) -> Iterator[str]:
    band_lists = {entry.name for entry in mapping.lists}
    moves = sum(isinstance(change, RemoveFromList) and change.list_name in band_lists for change in changes)
    if moves / population > limits.max_band_moves:
        yield f"{moves} of {population} leads change band, max_band_moves is {limits.max_band_moves:.0%}"
    clears = sum(
        isinstance(change, SetProperties) and CLEAR in change.properties.values() for change in changes
    )
    if clears / population > limits.max_clears:
        yield f"{clears} of {population} leads lose a value, max_clears is {limits.max_clears:.0%}"
    move = _score_moves(desired, current, mapping) / population
    if abs(move) > limits.max_mean_score_move:
        yield f"the mean score moves by {move:+.1f}, max_mean_score_move is {limits.max_mean_score_move:g}"


def _score_moves(
    desired: Sequence[Desired], current: Mapping[str, Contact], mapping: HubSpotMapping
) -> float:
    """Sum of new minus held score over the leads whose contact already shows one."""
    name = next((item.name for item in mapping.properties if item.value == "score"), "")
    return sum(
        item.lead.score.value - float(held)
        for item in desired
        if item.lead.contact_id in current
        and (held := current[item.lead.contact_id].properties.get(name, CLEAR)) != CLEAR
    )
