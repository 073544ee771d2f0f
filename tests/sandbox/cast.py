"""Who and what there is in the invented world: people, webinars and what each person did. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Role = Literal["attendee", "host", "panelist"]


@dataclass(frozen=True, slots=True)
class Lead:
    """One person. `email` is what HubSpot knows ("" for a contact without one), `zoom_email` what was typed
    on Zoom's form, `login_email` what Zoom shows while the person attends ("" where Zoom hides it).
    `shared_mailbox` marks a role address such as ventas@: it belongs to nobody.
    """

    key: str
    first_name: str
    last_name: str
    email: str
    zoom_email: str
    login_email: str
    phone: str
    company: str
    job_title: str
    employees: int
    industry: str
    country: str
    propensity: float
    in_hubspot: bool = True
    secondary_email: str = ""
    shared_mailbox: bool = False
    owner_email: str = ""

    @property
    def addresses(self) -> frozenset[str]:
        """Every address this person goes by anywhere, lower-case."""
        known = (self.email, self.zoom_email, self.login_email, self.secondary_email)
        return frozenset(address.lower() for address in known if address)

    @property
    def name(self) -> str:
        """First and last name as Zoom shows them."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody of the house: host, panelist or owner. Never a lead."""

    user_id: str
    email: str
    first_name: str
    last_name: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Registration:
    """A filled-in Zoom form. A "denied" one is no registration, and one that was cancelled no more."""

    lead_key: str
    registrant_id: str
    created_at: datetime
    role_in_purchase: str
    time_frame: str
    hope: str
    status: Literal["approved", "denied"] = "approved"
    cancelled_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Is it a registration in the end?"""
        return self.status == "approved" and self.cancelled_at is None

    def is_listed(self, status: str, now: datetime) -> bool:
        """Does Zoom list it under this status by then? Who cancelled is under none."""
        is_there = self.created_at <= now and (self.cancelled_at is None or now < self.cancelled_at)
        return is_there and self.status == status


@dataclass(frozen=True, slots=True)
class Segment:
    """One device's connection, joining to leaving. `lead_key` and `registrant_id` are "" for the house."""

    user_id: str
    participant_uuid: str
    lead_key: str
    registrant_id: str
    name: str
    email: str
    joined_at: datetime
    left_at: datetime
    role: Role = "attendee"
    staff_id: str = ""


@dataclass(frozen=True, slots=True)
class PollAnswer:
    """One answer to one poll question. `lead_key` is "" for an anonymous one."""

    lead_key: str
    poll_id: str
    question: str
    answer: str
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """One question in Q&A. `lead_key` is "" for an anonymous one."""

    lead_key: str
    question_id: str
    text: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One line in the chat; Zoom tells of it by webhook only. `lead_key` is "" for the host's own."""

    lead_key: str
    message_id: str
    session_id: str
    text: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Webinar:
    """One webinar with its single run, or one occurrence of a series: `occurrence_id` is then given, and the
    webinar's id and registrations are those of the series, `series_uuid` is what Zoom lists it under.

    `live` marks the last one of a short story, which happens during it; it was planned for longer than it
    lasted, so that its planned end is still to come. Where the host dropped out, the webinar went on from
    `restarted_at` on under `restart_uuid`, and its survey followed that. Its reports come `report_delay`
    later than the account's others.
    """

    webinar_id: int
    uuid: str
    topic: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime
    planned_minutes: int
    live: bool
    registrations: tuple[Registration, ...]
    segments: tuple[Segment, ...]
    poll_answers: tuple[PollAnswer, ...]
    questions: tuple[Question, ...]
    chat: tuple[ChatMessage, ...]
    occurrence_id: str = ""
    series_uuid: str = ""
    restarted_at: datetime | None = None
    restart_uuid: str = ""
    report_delay: timedelta = timedelta(0)
    survey: tuple[PollAnswer, ...] = ()

    @property
    def runs(self) -> tuple[tuple[str, datetime], ...]:
        """The uuid and beginning of each run, in order of time."""
        again = ((self.restart_uuid, self.restarted_at),) if self.restarted_at else ()
        return ((self.uuid, self.starts_at), *again)

    def uuid_at(self, moment: datetime) -> str:
        """The run this moment lies in."""
        return self.restart_uuid if self.restarted_at and moment >= self.restarted_at else self.uuid


@dataclass(frozen=True, slots=True)
class WorldDeal:
    """A deal in HubSpot, before the story begins."""

    lead_key: str
    name: str
    amount: int
    stage: str
    created_at: datetime
    closed_at: datetime
