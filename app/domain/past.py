"""What a plan must know of what went before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.edits import Memory


@dataclass(frozen=True, slots=True)
class Past:
    """What was already done once and must not be done again, how many plans were ever released, and the
    population: the leads HubSpot shows a score of ours for.

    `used_today` is what plans that nobody looked at took of each limit in the last 24 hours, `list_sizes` are
    the members of lists of ours, `memories` what we remember of a contact, by person, `withdrawn`
    the workflows and tasks, by key, that an undo took back from a person.
    """

    enrolled: frozenset[tuple[int, str]]
    task_keys: frozenset[str]
    released_plans: int
    population: int
    used_today: Mapping[str, float] = field(default_factory=dict)
    list_sizes: Mapping[str, int] = field(default_factory=dict)
    memories: Mapping[int, Memory] = field(default_factory=dict)
    withdrawn: Mapping[int, frozenset[str]] = field(default_factory=dict)
