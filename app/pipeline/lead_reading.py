"""What the store holds of some leads, and what it comes to at a moment: activities, engagement, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.attendance import derive_activities
from app.domain.engagement import Engagement, Worth, faded, worth
from app.domain.feature_table import FeatureTable
from app.domain.features import compute_features, count_facts
from app.domain.machine_clicks import human_and_machine
from app.domain.occurrences import Runs, runs_of
from app.domain.records import Activity, Features
from app.domain.summary import Hold, Summary, hold, learnt_apart
from app.domain.trackers import without_second_trackers
from app.store import facts
from app.store.facts import StoredObservation, StoredProfile
from mappings.load import Mappings


@dataclass(frozen=True, slots=True)
class Held:
    """Everything held of some leads, by person, and the webinar runs they were in."""

    observations: Mapping[int, Sequence[StoredObservation]]
    profiles: Mapping[int, Sequence[StoredProfile]]
    runs: Runs


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead as of a moment."""

    activities: Sequence[Activity]
    profiles: Sequence[StoredProfile]
    worth: Worth
    engagement: Engagement
    held: Hold
    at: datetime

    def features(self, table: FeatureTable) -> Features:
        """The features by `table`: as shown, or as models may know them."""
        counted = count_facts(self.activities, self.profiles, self.at)
        return compute_features(counted, self.engagement, table)

    def summary(self, table: FeatureTable, before: FeatureTable) -> Summary:
        """What the lead's facts come to until something other than fading changes: by `table`, and as models
        may know it by `before`.
        """
        counted = count_facts(self.activities, self.profiles, self.at)
        shown = compute_features(counted, self.engagement, table)
        known = compute_features(counted, self.engagement, before, learnt_apart(table))
        return Summary(shown, {**shown, **known}, self.worth, self.held)


def read_held(conn: sa.Connection, ids: Sequence[int]) -> Held:
    """Read once what may then be asked of these people, as of several moments."""
    observations = facts.observations_of(conn, ids)
    scopes = {item.scope for items in observations.values() for item in items if item.scope}
    runs = runs_of(facts.occurrences_of(conn, sorted(scopes)))
    return Held(observations, facts.profiles_of(conn, ids), runs)


def lead_now(held: Held, person_id: int, mappings: Mappings, now: datetime) -> Lead:
    """The lead by all that is known of it."""
    return _lead(held, person_id, held.observations.get(person_id, ()), mappings, now)


def lead_as_of(held: Held, person_id: int, mappings: Mappings, cut: datetime) -> Lead:
    """The lead as it was known at `cut`: what was seen later has not happened yet. Profiles are snapshots of
    today all the same.
    """
    seen = [item for item in held.observations.get(person_id, ()) if item.occurred_at <= cut]
    return _lead(held, person_id, seen, mappings, cut)


def _lead(
    held: Held, person_id: int, seen: Sequence[StoredObservation], mappings: Mappings, at: datetime
) -> Lead:
    seen = without_second_trackers(seen)
    machine = human_and_machine(seen, mappings.machine)
    acts = derive_activities(seen, held.runs, at, machine)
    counted = worth(acts, mappings.engagement, at)
    return Lead(
        acts,
        held.profiles.get(person_id, ()),
        counted,
        faded(counted, mappings.engagement, at),
        hold(seen, held.runs.by_uuid, acts, at),
        at,
    )
