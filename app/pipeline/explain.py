"""One lead's line, read backwards: property, change, score, feature, activity, observation, delivery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.records import Activity, Features
from app.domain.scoring.points import wording
from app.pipeline.through import through_in_words
from app.services import Services
from app.store import activities, experiments, facts, ledger, mirror, occurrences, people, scores, unscored
from app.store.facts import StoredObservation, StoredProfile
from app.store.ledger import LedgerRow
from app.store.scores import StoredScore


@dataclass(frozen=True, slots=True)
class Line:
    """Everything the store holds about one lead, in the order it is told: newest effect to first cause."""

    person_id: int
    contact_id: str
    properties: Mapping[str, str]
    lists: Sequence[str]
    edited: Mapping[str, str]
    arm: str
    writes: Sequence[LedgerRow]
    score: StoredScore | None
    failure: str | None
    data_through: Mapping[str, str]
    features: Features
    activities: Sequence[Activity]
    observations: Sequence[StoredObservation]
    names: Mapping[tuple[str, str, str], str]
    profiles: Sequence[StoredProfile]


def read_line(services: Services, who: str) -> Line | None:
    """The line of the lead known by this e-mail or vendor id; None when nobody is."""
    with services.database.connect() as conn:
        person_id = people.person_of(conn, who.strip().lower()) or people.person_of(conn, who.strip())
        if person_id is None:
            return None
        ids = [person_id]
        contacts, memories = mirror.recall(conn, ids)
        held, memory = contacts.get(person_id), memories.get(person_id)
        trial = experiments.running(conn)
        seen = facts.observations_of(conn, ids).get(person_id, ())
        return Line(
            person_id=person_id,
            contact_id=held.contact_id if held else "",
            properties=held.properties if held else {},
            lists=sorted(held.lists) if held else (),
            edited=memory.edited if memory else {},
            arm=experiments.arms(conn, trial.id, ids).get(person_id, "") if trial else "",
            writes=ledger.of_person(conn, person_id),
            score=scores.latest(conn, ids).get(person_id),
            failure=unscored.failure_of(conn, person_id),
            data_through=through_in_words(conn, services),
            features=scores.features_of(conn, ids).get(person_id, {}),
            activities=activities.activities_of(conn, ids).get(person_id, ()),
            observations=seen,
            names=occurrences.names_of(conn, {key for item in seen for key in _named(item)}),
            profiles=facts.profiles_of(conn, ids).get(person_id, ()),
        )


def tell(line: Line, services: Services) -> Iterator[str]:
    """The line in words, one a row, from what HubSpot shows down to the deliveries it came from."""
    yield f"Lead {line.person_id}, HubSpot contact {line.contact_id or '(none yet)'}"
    yield "HubSpot shows"
    yield from _properties(line)
    yield from _why(line, services)
    yield "<- written by"
    yield from (_write(row) for row in line.writes)
    if line.failure:
        yield f"    its present facts could not be scored ({line.failure}): see the worker's log"
    yield from _score(line.score, services)
    for source, told in line.data_through.items():
        yield f"    data of {source} through {told}"
    yield "<- features"
    yield from (f"    {name} = {_shown(value)}" for name, value in line.features.items())
    yield "<- activities"
    yield from (_activity(item) for item in line.activities)
    yield "<- observations"
    yield from (_observation(item, line) for item in line.observations)
    yield "<- profiles"
    yield from (
        f"    {item.source}: {', '.join(sorted(item.fields))} ({_cause(item.inbox_id, item.run_id)})"
        for item in line.profiles
    )


def _properties(line: Line) -> Iterator[str]:
    for name, value in sorted(line.properties.items()):
        yield f"    {name} = {value.splitlines()[0] if value else '(empty)'}"
    if line.lists:
        yield f"    on lists: {', '.join(line.lists)}"


def _why(line: Line, services: Services) -> Iterator[str]:
    """Why it did or did not get mail or a task, and what of somebody else's is left alone."""
    shown = (item.name for item in services.mappings.hubspot.properties if item.value == "why_not")
    for name in shown:
        if line.properties.get(name):
            yield f"    an enrolment, mail or task? {line.properties[name]}"
    if line.arm:
        yield f"    arm of the running experiment: {line.arm}"
    for name, value in sorted(line.edited.items()):
        yield f"    {name} = {value} was set by a person or another tool: left alone until it is emptied"


def _write(row: LedgerRow) -> str:
    kind = type(row.change).__name__
    what = ledger.subject_of(row.change) or ", ".join(getattr(row.change, "properties", {}))
    reason = f" ({row.reason})" if row.reason else ""
    return (
        f"    {_when(row.settled_at or row.intended_at)} {kind} {what}: {row.state}{reason}"
        f" [ledger {row.ledger_id}, plan {row.fingerprint}, run {row.run_id}, score {row.score_id}]"
    )


def _score(score: StoredScore | None, services: Services) -> Iterator[str]:
    if score is None:
        yield "<- no score yet"
        return
    found = score.score
    scored = _when(score.scored_at)
    yield f"<- score {found.value} {found.band} by {found.method}, {scored} [score {score.id}]"
    for reason in found.receipt:
        text = wording(reason, services.settings.language, services.mappings.scoring)
        yield f"    {reason.points:+4d}  {text}"


def _activity(item: Activity) -> str:
    rows = ", ".join(str(number) for number in item.observation_ids)
    machine = f" (a machine's: {item.attributes['evidence']})" if item.attributes.get("machine") else ""
    return f"    {_when(item.occurred_at)} {item.kind} {item.quantity:g}{machine} [observations {rows}]"


def _observation(item: StoredObservation, line: Line) -> str:
    names = [line.names[key] for key in _named(item) if key in line.names]
    of = f" of {', '.join(names)}" if names else ""
    flags = item.attributes.get("flags")
    flagged = f" [{item.source} did not tell all of that day: {flags}]" if flags else ""
    return (
        f"    {item.id}: {_when(item.occurred_at)} {item.source} {item.kind} {item.quantity:g}{of}"
        f" ({_cause(item.inbox_id, item.run_id)}){flagged}"
    )


def _named(item: StoredObservation) -> Iterable[tuple[str, str, str]]:
    """The small tables in which its campaign, list and link may have a name."""
    ids = {
        "campaign": item.scope or item.attributes.get("campaign"),
        "list": item.attributes.get("list"),
    }
    return [(item.source, kind, str(found)) for kind, found in ids.items() if found]


def _cause(inbox_id: int | None, run_id: int | None) -> str:
    """Where a row came from: a webhook delivery, or a page of a sync run."""
    return f"delivery {inbox_id} of the inbox" if inbox_id is not None else f"sync run {run_id}"


def _shown(value: object) -> str:
    return "unknown" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _when(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
