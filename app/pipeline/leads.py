"""The leads that wait for a write, as the plan needs them: score, counts, texts, and who they are."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.domain.desired import LeadState, Texts
from app.domain.records import IdentityKey, Score
from app.domain.scoring.bands import next_action, recommendations
from app.domain.scoring.points import wording
from app.domain.standing import percentiles, standing_of, step_of
from app.pipeline.through import data_through
from app.services import Services
from app.store import activities, facts, people, scores, spread
from app.store.facts import StoredProfile

_DETAILS = {"first_name": "firstname", "last_name": "lastname", "company": "company", "job_title": "jobtitle"}
_LONGEST_DETAIL = 255  # a contact's name, company or title in HubSpot; a longer one is refused


def load_leads(services: Services, conn: sa.Connection, person_ids: Sequence[int]) -> list[LeadState]:
    """The state of each scored lead among `person_ids`."""
    latest = scores.latest(conn, person_ids)
    ids = sorted(latest)
    keys = people.identities_of(conn, ids)
    acts = activities.counted_of(conn, ids)
    seen = facts.observed_people(conn, ids)
    profiles = {person_id: _ranked(found) for person_id, found in facts.profiles_of(conn, ids).items()}
    contact_ids = {one: _contact_id(keys[one], profiles.get(one, [])) for one in ids}
    through = data_through(conn, services)
    ranks = percentiles(spread.read(conn)[0])
    return [
        LeadState(
            person_id=person_id,
            contact_id=contact_ids[person_id],
            email=_email(keys[person_id], profiles.get(person_id, [])),
            owner_id=_field(profiles.get(person_id, []), "owner_id"),
            score_id=latest[person_id].id,
            score=latest[person_id].score,
            activities=tuple(acts.get(person_id, ())),
            observed=person_id in seen,
            texts=_texts(services, latest[person_id].score),
            details=_details(profiles.get(person_id, [])) if not contact_ids[person_id] else {},
            scored_at=latest[person_id].scored_at,
            data_through=through,
            percentile=ranks[step_of(standing_of(latest[person_id].score))] if ranks else None,
        )
        for person_id in ids
    ]


def _texts(services: Services, score: Score) -> Texts:
    language = services.settings.language
    rules = services.mappings.scoring
    lines = (f"{reason.points:+d} {wording(reason, language, rules)}" for reason in score.receipt)
    return Texts(
        reasons="\n".join(lines),
        recommendations="\n".join(recommendations(score.band, rules.bands, language)),
        next_action=next_action(score.band, rules.bands, language),
    )


def _contact_id(keys: Sequence[IdentityKey], profiles: Sequence[StoredProfile]) -> str:
    """The HubSpot contact, the lowest id where a merge left several; "" while HubSpot knows none."""
    archived = {item.fields.get("contact_id") for item in profiles if item.fields.get("archived") == "true"}
    ids = [key.value for key in keys if (key.vendor, key.kind) == ("hubspot", "contact_id")]
    return min(
        (value for value in ids if value not in archived), key=lambda value: (len(value), value), default=""
    )


def _email(keys: Sequence[IdentityKey], profiles: Sequence[StoredProfile]) -> str:
    """The address HubSpot shows first, else any the lead is known by. Empty for a lead whose contact was
    deleted in HubSpot: nobody makes again what a person took away.
    """
    was_contact = any((key.vendor, key.kind) == ("hubspot", "contact_id") for key in keys)
    if was_contact and not _contact_id(keys, profiles):
        return ""
    return _field(profiles, "email") or min((key.value for key in keys if key.kind == "email"), default="")


def _field(profiles: Sequence[StoredProfile], name: str) -> str:
    """A field of ranked profiles: the first that knows it is right."""
    return next((item.fields[name] for item in profiles if item.fields.get(name)), "")


def _ranked(profiles: Sequence[StoredProfile]) -> list[StoredProfile]:
    """HubSpot's word before any other source's."""
    return sorted(profiles, key=lambda item: (item.source != "hubspot", item.source))


def _details(profiles: Sequence[StoredProfile]) -> dict[str, str]:
    found = {target: _field(profiles, source)[:_LONGEST_DETAIL] for source, target in _DETAILS.items()}
    return {name: value for name, value in found.items() if value}
