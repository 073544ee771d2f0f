"""What was lost or doubled, judged from what HubSpot holds in the end against what truly happened."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tests.sandbox.cast import Lead, Webinar
from tests.sandbox.deliveries import Delivery
from tests.sandbox.world import Step, World

Tally = Counter[str]
"""HubSpot property -> its true value for one lead; absent is 0."""

REGISTERED, ATTENDED = "savia_webinars_registered", "savia_webinars_attended"
MINUTES, POLLS = "savia_webinar_minutes", "savia_polls_answered"
ASKED, CHATTED = "savia_questions_asked", "savia_chat_messages"
COUNTERS = (REGISTERED, ATTENDED, MINUTES, POLLS, ASKED, CHATTED)

_MARKER = re.compile(r"savia:(?!.*savia:)\s*(.+?)\s*(?:<[^>]*>\s*)*$", re.DOTALL)
_DETAILS = 50


class _Record(Protocol):
    properties: dict[str, str]


class _Enrolment(Protocol):
    @property
    def contact_id(self) -> str: ...
    @property
    def workflow_id(self) -> str: ...


class _Write(Protocol):
    @property
    def contact_id(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def at(self) -> float: ...
    @property
    def property(self) -> str: ...


class Portal(Protocol):
    """The part of the stand-in HubSpot that is judged; `writes` in the order they came."""

    @property
    def contacts(self) -> Mapping[str, _Record]: ...
    @property
    def tasks(self) -> Mapping[str, _Record]: ...
    @property
    def enrolments(self) -> Sequence[_Enrolment]: ...
    @property
    def writes(self) -> Sequence[_Write]: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """How much is missing and how much there is too much of; `details` says where, up to fifty lines."""

    lost: int
    duplicated: int
    details: tuple[str, ...]


def tallies(world: World, step: Step) -> dict[str, Tally]:
    """What truly happened per lead key, as far as anybody outside Zoom can know of it at `step`. Polls and
    questions are known by report alone, chat by webhook alone. Seconds are added up over all runs, then
    rounded half up to minutes. Leads with nothing are absent.
    """
    found: dict[str, Tally] = defaultdict(Counter)
    seconds: Counter[str] = Counter()
    for webinar in world.seen(step):
        _tally_webinar(webinar, found, seconds)
        if webinar.live:
            _count(found, CHATTED, webinar.chat)
        if not webinar.live or step == "ended":
            _count(found, POLLS, webinar.poll_answers)
            _count(found, ASKED, webinar.questions)
    for key, watched in seconds.items():
        found[key][MINUTES] = int(watched + 30) // 60
    return dict(found)


def _tally_webinar(webinar: Webinar, found: dict[str, Tally], seconds: Counter[str]) -> None:
    for registration in webinar.registrations:
        found[registration.lead_key][REGISTERED] += registration.stands
    stretches: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for segment in webinar.segments:
        if segment.role == "attendee":
            stretches[segment.lead_key].append((segment.joined_at, segment.left_at))
    for key, own in stretches.items():
        found[key][ATTENDED] += 1
        seconds[key] += watched_seconds(own)


class _Act(Protocol):
    @property
    def lead_key(self) -> str: ...


def _count(found: dict[str, Tally], counter: str, acts: Iterable[_Act]) -> None:
    for act in acts:
        if act.lead_key:
            found[act.lead_key][counter] += 1


def watched_seconds(stretches: Iterable[tuple[datetime, datetime]]) -> int:
    """The seconds covered by at least one stretch."""
    total, until = 0.0, None
    for begin, end in sorted(stretches):
        start = begin if until is None or begin > until else until
        total += max(0.0, (end - start).total_seconds())
        until = end if until is None else max(until, end)
    return round(total)


def count(world: World, portal: Portal, step: Step = "ended") -> Verdict:
    """Judge the portal at `step`. Lost: shortfalls of the counters and contacts that should exist.
    Duplicated: excess of the counters, further contacts for the same person, contacts nobody accounts for,
    tasks with one marker, second enrolments in one workflow. At "live" everything the live webinar's
    webhooks tell is asked for, so the figure is meaningful once they are delivered.
    """
    book = _Book()
    by_address = _contacts_by_address(portal)
    truth = tallies(world, step)
    explained: set[str] = set()
    for lead in world.leads:
        own = sorted({contact for address in lead.addresses for contact in by_address.get(address, ())})
        explained.update(own)
        _judge_lead(
            book, lead, truth.get(lead.key, Counter()), [portal.contacts[one].properties for one in own]
        )
    addressed = {contact for found in by_address.values() for contact in found}
    for contact_id in sorted(addressed - explained):
        book.duplicated(1, f"contact {contact_id}: belongs to nobody in the world")
    _judge_repeats(book, portal)
    return Verdict(book.lost_total, book.duplicated_total, tuple(book.details[:_DETAILS]))


class _Book:
    def __init__(self) -> None:
        self.lost_total, self.duplicated_total = 0, 0
        self.details: list[str] = []

    def lost(self, amount: int, detail: str) -> None:
        self.lost_total += amount
        self.details.append(f"lost {amount}: {detail}")

    def duplicated(self, amount: int, detail: str) -> None:
        self.duplicated_total += amount
        self.details.append(f"duplicated {amount}: {detail}")


def _contacts_by_address(portal: Portal) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for contact_id, contact in portal.contacts.items():
        known = contact.properties
        listed = [known.get("email", ""), *known.get("hs_additional_emails", "").split(";")]
        for address in listed:
            if address.strip():
                found[address.strip().lower()].add(contact_id)
    return found


def _judge_lead(book: _Book, lead: Lead, truth: Tally, contacts: list[dict[str, str]]) -> None:
    """A role mailbox belongs to nobody: what was done under it may be credited to it or left out, but never
    more than happened.
    """
    if len(contacts) > 1:
        book.duplicated(len(contacts) - 1, f"{lead.key} {lead.email}: {len(contacts)} contacts")
    expected = lead.in_hubspot or truth[REGISTERED] > 0
    if not contacts and expected and lead.email:
        book.lost(1, f"{lead.key} {lead.email}: no contact")
    for counter in COUNTERS:
        held = sum(number(contact.get(counter, "")) for contact in contacts)
        detail = f"{lead.key} {lead.email}: {counter} {held}, truly {truth[counter]}"
        if held > truth[counter]:
            book.duplicated(held - truth[counter], detail)
        elif held < truth[counter] and not lead.shared_mailbox:
            book.lost(truth[counter] - held, detail)


def _judge_repeats(book: _Book, portal: Portal) -> None:
    markers = Counter(_marker(task.properties.get("hs_task_body", "")) for task in portal.tasks.values())
    markers.pop("", None)
    entries = Counter((one.contact_id, one.workflow_id) for one in portal.enrolments)
    for marker, times in markers.items():
        if times > 1:
            book.duplicated(times - 1, f"task {marker}: {times} times")
    for (contact_id, workflow_id), times in entries.items():
        if times > 1:
            book.duplicated(times - 1, f"contact {contact_id}: {times} times in workflow {workflow_id}")


def _marker(body: str) -> str:
    """The key after the last "savia:" of a task's body, closing tags left off; "" for a task of others."""
    found = _MARKER.search(body)
    return found.group(1) if found else ""


def number(text: str) -> int:
    """A counter as HubSpot holds it: text, empty for none."""
    return round(float(text)) if text else 0


def latencies(world: World, deliveries: Iterable[Delivery], portal: Portal) -> list[float]:
    """Seconds from the first sending of each live webhook event that raises a counter to the write by which
    the counter first reached that event's rank; 0 where a report was quicker than the webhook. Events whose
    rank was never reached are left out: `count` has them as lost.
    """
    before = tallies(world, "before")
    owners = _leads_by_contact(world, portal)
    reached = _first_reached(portal.writes, owners)
    found = []
    for (lead_key, counter), sent in _sendings(world, deliveries).items():
        start = before.get(lead_key, Counter())[counter]
        for rank, moment in enumerate(sorted(sent), start=start + 1):
            written = next((at for value, at in reached.get((lead_key, counter), ()) if value >= rank), None)
            if written is not None:
                found.append(max(0.0, written - moment))
    return found


def _sendings(world: World, deliveries: Iterable[Delivery]) -> dict[tuple[str, str], list[float]]:
    """(lead, counter) -> when each event that raises it was first sent. A first registration and the first
    leaving raise their counters once; each chat message counts.
    """
    once = {"webinar.registration_created": REGISTERED, "webinar.participant_left": ATTENDED}
    counted = {lead.key for lead in world.leads if not lead.shared_mailbox}
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for delivery in deliveries:
        event = delivery.zoom_event
        if (
            event is None
            or delivery.doubled
            or delivery.first_sent_at is None
            or event.lead_key not in counted
        ):
            continue
        if event.name in once:
            key = (event.lead_key, once[event.name])
            found[key] = [min([*found[key], delivery.first_sent_at])]
        elif event.name == "webinar.chat_message_sent":
            found[event.lead_key, CHATTED].append(delivery.first_sent_at)
    return found


def _leads_by_contact(world: World, portal: Portal) -> dict[str, str]:
    by_address = _contacts_by_address(portal)
    return {
        contact_id: lead.key
        for lead in world.leads
        for address in lead.addresses
        for contact_id in by_address.get(address, ())
    }


def _first_reached(
    writes: Sequence[_Write], owners: Mapping[str, str]
) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """(lead, counter) -> the values written and when, in order of time."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for write in writes:
        if write.property in COUNTERS and write.contact_id in owners:
            found[owners[write.contact_id], write.property].append((number(write.value), write.at))
    return found


def percentile_95(values: Sequence[float]) -> float | None:
    """The smallest value that at least 95 % are no greater than; None where there are none."""
    return sorted(values)[-(-len(values) * 95 // 100) - 1] if values else None
