"""The world in the shapes of Zoom's REST answers: one function per row or body, nothing decided here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.sandbox.cast import Lead, PollAnswer, Question, Registration, Segment, Staff, Webinar

Body = dict[str, Any]

ANONYMOUS = "Anonymous Attendee"

_SIZES = (
    (20, "1-20"), (50, "21-50"), (100, "51-100"), (500, "101-500"), (1_000, "500-1,000"),
    (5_000, "1,001-5,000"),
)  # fmt: skip


def long_stamp(moment: datetime) -> str:
    """The form of Zoom's REST answers: 2022-03-22T05:59:09.0000000+00:00."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond * 10:07}+00:00"


def short_stamp(moment: datetime) -> str:
    """The form of webhooks, polls and Q&A: 2022-02-01T12:37:12Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def employees(count: int) -> str:
    """The bracket of Zoom's registration form."""
    return next((text for top, text in _SIZES if count <= top), "More than 10,000")


def user_row(person: Staff) -> Body:
    """A row of /users."""
    return {
        "id": person.user_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "type": 2,
        "status": "active",
        "timezone": "Europe/Madrid",
    }


def webinar_row(webinar: Webinar, host: Staff) -> Body:
    """A row of /users/{id}/webinars, and the heart of /webinars/{id}."""
    return {
        "agenda": "Inteligencia artificial para empresas",
        "created_at": long_stamp(webinar.created_at),
        "duration": webinar.planned_minutes,
        "host_id": host.user_id,
        "id": webinar.webinar_id,
        "join_url": f"https://example.com/j/{webinar.webinar_id}",
        "start_time": long_stamp(webinar.starts_at),
        "timezone": "Europe/Madrid",
        "topic": webinar.topic,
        "type": 9 if webinar.occurrence_id else 5,
        "uuid": webinar.series_uuid or webinar.uuid,
        "is_simulive": False,
    }


def webinar_body(webinar: Webinar, host: Staff, occurrences: Iterable[Webinar]) -> Body:
    """The answer of /webinars/{id}; a series lists its occurrences."""
    listed = [
        {
            "occurrence_id": one.occurrence_id,
            "start_time": short_stamp(one.starts_at),
            "duration": one.planned_minutes,
            "status": "available",
        }
        for one in occurrences
        if one.occurrence_id
    ]
    series = {"occurrences": listed} if listed else {}
    return (
        webinar_row(webinar, host)
        | series
        | {
            "host_email": host.email,
            "registration_url": f"https://example.com/webinar/register/{webinar.webinar_id}",
            "settings": {"approval_type": 0, "registration_type": 1, "email_in_attendee_report": True},
        }
    )


def registrant_form(lead: Lead, registration: Registration) -> Body:
    """What was filled in: the part registrants and registration webhooks share."""
    return {
        "id": registration.registrant_id,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "email": lead.zoom_email,
        "address": "",
        "city": "",
        "country": lead.country,
        "zip": "",
        "state": "",
        "phone": lead.phone,
        "industry": lead.industry,
        "org": lead.company,
        "job_title": lead.job_title,
        "purchasing_time_frame": registration.time_frame,
        "role_in_purchase_process": registration.role_in_purchase,
        "no_of_employees": employees(lead.employees),
        "comments": "",
        "custom_questions": [{"title": "¿Qué esperas del webinar?", "value": registration.hope}],
        "status": registration.status,
        "join_url": f"https://example.com/w/{registration.registrant_id}",
    }


def registrant_row(lead: Lead, registration: Registration) -> Body:
    """A row of /webinars/{id}/registrants and of absentees."""
    return registrant_form(lead, registration) | {"create_time": long_stamp(registration.created_at)}


def panelist_row(person: Staff) -> Body:
    """A row of /webinars/{id}/panelists."""
    join_url = f"https://example.com/p/{person.user_id}"
    return {"id": person.user_id, "email": person.email, "name": person.name, "join_url": join_url}


def participant_row(segment: Segment, *, with_registrant: bool) -> Body:
    """One connection in /report/webinars/{id}/participants; the registrant id only where it was asked for."""
    row: Body = {
        "customer_key": "",
        "duration": int((segment.left_at - segment.joined_at).total_seconds()),
        "failover": False,
        "id": segment.staff_id,
        "join_time": long_stamp(segment.joined_at),
        "leave_time": long_stamp(segment.left_at),
        "name": segment.name,
        "status": "in_meeting",
        "user_email": segment.email,
        "user_id": segment.user_id,
        "participant_user_id": segment.staff_id,
        "bo_mtg_id": "",
    }
    return row | {"registrant_id": segment.registrant_id} if with_registrant else row


def _person(lead: Lead | None) -> Body:
    if lead is None:
        return {"email": "", "name": ANONYMOUS, "first_name": "", "last_name": ""}
    return {
        "email": lead.zoom_email,
        "name": lead.name,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
    }


def polls_body(webinar: Webinar, uuid: str, leads: dict[str, Lead]) -> Body:
    """The answer of /report/webinars/{uuid}/polls: one entry per person, the anonymous under one."""
    own = (one for one in webinar.poll_answers if webinar.uuid_at(one.answered_at) == uuid)
    grouped: dict[str, list[PollAnswer]] = _by_lead(own)
    questions = [
        _person(leads.get(key)) | {"question_details": [_answer(answer) for answer in answers]}
        for key, answers in grouped.items()
    ]
    return _report(webinar, uuid, questions)


def _answer(answer: PollAnswer) -> Body:
    return {
        "answer": answer.answer,
        "date_time": short_stamp(answer.answered_at),
        "polling_id": answer.poll_id,
        "question": answer.question,
    }


def survey_body(webinar: Webinar, uuid: str, leads: dict[str, Lead], now: datetime) -> Body:
    """The answer of /report/webinars/{uuid}/survey: what was answered by then, after the last run."""
    is_last = uuid == webinar.runs[-1][0]
    grouped: dict[str, list[PollAnswer]] = _by_lead(
        one for one in webinar.survey if is_last and one.answered_at <= now
    )
    answers = [
        _person(leads.get(key)) | {"answer_details": [_survey_answer(one) for one in own]}
        for key, own in grouped.items()
    ]
    return {
        "webinar_id": webinar.webinar_id,
        "webinar_uuid": uuid,
        "start_time": long_stamp(dict(webinar.runs)[uuid]),
        "survey_id": f"survey-{webinar.webinar_id}",
        "survey_name": "Encuesta",
        "survey_answers": answers,
    }


def _survey_answer(answer: PollAnswer) -> Body:
    return {
        "question": answer.question,
        "question_id": answer.poll_id,
        "answer": answer.answer,
        "date_time": short_stamp(answer.answered_at),
    }


def questions_body(webinar: Webinar, uuid: str, leads: dict[str, Lead], host: Staff) -> Body:
    """The answer of /report/webinars/{uuid}/qa: one entry per person, with the host's answers."""
    own = (one for one in webinar.questions if webinar.uuid_at(one.asked_at) == uuid)
    grouped: dict[str, list[Question]] = _by_lead(own)
    rows = []
    for key, asked in grouped.items():
        person = _person(leads.get(key))
        about = {"user_id": "", "email": person["email"], "name": person["name"]}
        rows.append(about | {"question_details": [_question(question, host) for question in asked]})
    return _report(webinar, uuid, rows)


def _question(question: Question, host: Staff) -> Body:
    reply = {
        "user_id": host.user_id,
        "name": host.name,
        "email": host.email,
        "content": "Sí, te lo enseñamos en directo.",
        "create_time": short_stamp(question.asked_at),
        "type": "default",
    }
    return {
        "answer": reply["content"],
        "question": question.text,
        "question_id": question.question_id,
        "create_time": short_stamp(question.asked_at),
        "question_status": "answered",
        "answer_details": [reply],
    }


def _report(webinar: Webinar, uuid: str, questions: list[Body]) -> Body:
    start = long_stamp(dict(webinar.runs)[uuid])
    return {"id": webinar.webinar_id, "uuid": uuid, "start_time": start, "questions": questions}


def _by_lead(acts: Iterable[Any]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = defaultdict(list)
    for act in acts:
        grouped[act.lead_key].append(act)
    return grouped
