"""The live webinar as the webhook events Zoom would send, in order of time, in its published shapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.sandbox.cast import ChatMessage, Lead, Registration, Segment, Staff, Webinar
from tests.sandbox.world import World
from tests.sandbox.zoom_rows import registrant_form, short_stamp


@dataclass(frozen=True, slots=True)
class ZoomEvent:
    """One event, whom it is about ("" for the house) and its body as Zoom would send it."""

    name: str
    lead_key: str
    occurred_at: datetime
    body: dict[str, Any]


def live_events(world: World, account_id: str) -> list[ZoomEvent]:
    """Everything Zoom tells of the last webinar while it runs, oldest first."""
    return webinar_events(world, world.last, account_id)


def webinar_events(world: World, webinar: Webinar, account_id: str) -> list[ZoomEvent]:
    """Everything Zoom tells of one webinar, oldest first; registrations for a series with its first."""
    scene = _Scene(webinar, world.host, account_id)
    leads = {lead.key: lead for lead in world.leads}
    events = list(scene.begun_and_over())
    first = next(one for one in world.webinars if one.webinar_id == webinar.webinar_id)
    if first is webinar:
        events += [scene.registered(leads[one.lead_key], one) for one in webinar.registrations]
        events += [
            scene.cancelled(leads[one.lead_key], one, one.cancelled_at)
            for one in webinar.registrations
            if one.cancelled_at
        ]
    for segment in webinar.segments:
        events += scene.attended(segment)
    events += [scene.said(leads.get(one.lead_key), one) for one in webinar.chat]
    return sorted(events, key=lambda event: event.occurred_at)


@dataclass(frozen=True, slots=True)
class _Scene:
    webinar: Webinar
    host: Staff
    account_id: str

    def begun_and_over(self) -> Iterator[ZoomEvent]:
        """`webinar.started` and `.ended` of each run, the last a second after the last left."""
        runs = self.webinar.runs
        for place, (_, begun) in enumerate(runs):
            yield self._event("webinar.started", "", begun, self._about(begun))
            last = place + 1 == len(runs)
            over = (
                self.webinar.ends_at
                if last
                else max(
                    one.left_at
                    for one in self.webinar.segments
                    if self.webinar.uuid_at(one.joined_at) == runs[0][0]
                )
            )
            about = self._about(begun) | {"end_time": short_stamp(over)}
            yield self._event("webinar.ended", "", over + timedelta(seconds=1), about)

    def registered(self, lead: Lead, registration: Registration) -> ZoomEvent:
        about = self._for(registrant_form(lead, registration))
        return self._event("webinar.registration_created", lead.key, registration.created_at, about)

    def cancelled(self, lead: Lead, registration: Registration, moment: datetime) -> ZoomEvent:
        form = registrant_form(lead, registration)
        about = self._for({name: form[name] for name in ("id", "email", "first_name", "last_name")})
        return self._event("webinar.registration_cancelled", lead.key, moment, about)

    def _for(self, registrant: dict[str, Any]) -> dict[str, Any]:
        return self._about(self.webinar.starts_at) | {
            "id": self.webinar.webinar_id,
            "uuid": self.webinar.series_uuid or self.webinar.uuid,
            "registrant": registrant,
        }

    def attended(self, segment: Segment) -> Iterator[ZoomEvent]:
        for verb, label, moment in (
            ("joined", "join_time", segment.joined_at),
            ("left", "leave_time", segment.left_at),
        ):
            participant = self._participant(segment) | {label: short_stamp(moment)}
            if verb == "left":
                participant["leave_reason"] = f"{segment.name} left the webinar."
            about = self._about(segment.joined_at) | {"participant": participant}
            yield self._event(f"webinar.participant_{verb}", segment.lead_key, moment, about)

    def said(self, lead: Lead | None, line: ChatMessage) -> ZoomEvent:
        message = {
            "date_time": short_stamp(line.sent_at),
            "sender_session_id": line.session_id,
            "sender_name": lead.name if lead else self.host.name,
            "sender_email": lead.login_email if lead else self.host.email,
            "sender_type": "guest" if lead else "host",
            "recipient_type": "everyone",
            "message_id": line.message_id,
            "message_content": line.text,
        }
        about = {
            "id": self.webinar.webinar_id,
            "uuid": self.webinar.uuid_at(line.sent_at),
            "chat_message": message,
        }
        return self._event("webinar.chat_message_sent", line.lead_key, line.sent_at, about)

    def _participant(self, segment: Segment) -> dict[str, Any]:
        return {
            "user_id": segment.user_id,
            "user_name": segment.name,
            "id": segment.staff_id,
            "email": segment.email,
            "registrant_id": segment.registrant_id,
            "participant_user_id": segment.staff_id,
            "participant_uuid": segment.participant_uuid,
        }

    def _about(self, moment: datetime) -> dict[str, Any]:
        """The run this moment lies in."""
        uuid = self.webinar.uuid_at(moment)
        return {
            "id": str(self.webinar.webinar_id),
            "uuid": uuid,
            "host_id": self.host.user_id,
            "topic": self.webinar.topic,
            "type": 5,
            "start_time": short_stamp(dict(self.webinar.runs)[uuid]),
            "duration": self.webinar.planned_minutes,
            "timezone": "Europe/Madrid",
        }

    def _event(self, name: str, lead_key: str, moment: datetime, about: dict[str, Any]) -> ZoomEvent:
        payload = {"account_id": self.account_id, "object": about}
        body = {"event": name, "event_ts": int(moment.timestamp() * 1000), "payload": payload}
        return ZoomEvent(name, lead_key, moment, body)
