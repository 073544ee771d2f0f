"""Holdout: who is left alone on purpose, so that what Savia brings can be measured, and how many it takes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from app.domain.changes import Contact
from app.domain.desired import Desired
from app.domain.gate import Arm, Gate, judge
from app.domain.past import Past
from app.domain.plan import has_contact
from app.domain.portal import HubSpotMapping


@dataclass(frozen=True, slots=True)
class Trial:
    """What an experiment fixes when it begins: how arms are dealt, and by what they are compared."""

    salt: str
    holdout_share: float
    outcome: str
    horizon_days: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which arm a person is in, for good, and the band at that moment."""

    person_id: int
    arm: Arm
    stratum: str


@dataclass(frozen=True, slots=True)
class Dealt:
    """The arms that a plan deals when it is carried out, and the experiment they are of."""

    trial: Trial
    arms: tuple[Assignment, ...]


def salt_of(number: int) -> str:
    """The salt of an installation's experiment by its number: the same at every look before it begins."""
    return hashlib.sha256(f"experiment {number}".encode()).hexdigest()[:16]


def arm_of(person_id: int, salt: str, holdout_share: float) -> Arm:
    """The arm by a salted hash of the person: the same at every call, and no two experiments alike."""
    digest = hashlib.sha256(f"{salt}:{person_id}".encode()).digest()
    return "holdout" if int.from_bytes(digest[:8]) < holdout_share * 2**64 else "treated"


def first_eligible(
    candidates: Sequence[Desired],
    current: Mapping[str, Contact],
    past: Past,
    gate: Gate,
    mapping: HubSpotMapping,
    *,
    create_contacts: bool,
) -> list[Desired]:
    """The leads who would get their first enrolment or task now, and are in no arm yet; among them those
    whose contact is made first.

    Who ever got one is past comparing, and who is blocked could not have got one.
    """
    met = {person_id for person_id, _ in past.enrolled} | {
        int(key.rpartition(":")[2]) for key in past.task_keys
    }
    return [
        item
        for item in candidates
        if (item.workflows or item.tasks)
        and item.lead.person_id not in met
        and item.lead.person_id not in gate.arms
        and has_contact(item, held := current.get(item.lead.contact_id), create_contacts=create_contacts)
        and judge(item.lead.person_id, held, gate, mapping) == "act"
    ]


def assign(leads: Sequence[Desired], salt: str, holdout_share: float) -> list[Assignment]:
    """The arms of these leads."""
    return [
        Assignment(
            item.lead.person_id, arm_of(item.lead.person_id, salt, holdout_share), item.lead.score.band
        )
        for item in leads
    ]


@dataclass(frozen=True, slots=True)
class Needed:
    """What it takes to see `lift` (0.2: a fifth more conversions) with `holdout_share` of all held out."""

    lift: float
    holdout_share: float
    contacts: int
    weeks: float | None


def contacts_needed(
    base_rate: float, lift: float, holdout_share: float, *, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Contacts in both arms together. Two-sided test of two proportions by the normal approximation, arms of
    unequal size; `base_rate` is the conversion rate without Savia. Source: Fleiss, Statistical Methods for
    Rates and Proportions, chapter 4 (without continuity correction).
    """
    treated = base_rate * (1 + lift)
    if not (0 < base_rate < 1 and 0 < treated < 1 and 0 < holdout_share < 1 and lift != 0):
        raise ValueError("rates and shares must lie between 0 and 1, and a lift must not be 0")
    share = 1 - holdout_share
    mean = share * treated + holdout_share * base_rate
    z_alpha, z_beta = NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
    null = math.sqrt(mean * (1 - mean) / (share * holdout_share))
    spread = math.sqrt(treated * (1 - treated) / share + base_rate * (1 - base_rate) / holdout_share)
    return math.ceil(((z_alpha * null + z_beta * spread) / (treated - base_rate)) ** 2)


def power_table(
    base_rate: float, per_week: float, lifts: Sequence[float], shares: Sequence[float]
) -> list[Needed]:
    """Every lift with every share; `per_week` is how many leads become eligible. A lift that would take the
    rate to 1 is left out.
    """
    return [
        Needed(lift, share, contacts, contacts / per_week if per_week else None)
        for lift in lifts
        for share in shares
        if base_rate * (1 + lift) < 1
        for contacts in [contacts_needed(base_rate, lift, share)]
    ]
