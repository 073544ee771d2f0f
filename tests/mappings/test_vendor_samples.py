"""The vendors' own samples against the mappings that ship: every event is known, none is misread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.domain.normalize import is_known, normalize
from app.domain.records import Record
from mappings.load import FOLDER, load_mappings

SAMPLES = FOLDER.parent.parent / "shared" / "contracts" / "payloads"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the vendors' samples (../shared) are not here")

MEANINGFUL = {
    "webinar.registration_created": ["Profile", "Observation", "Observation"],
    "webinar.registration_approved": ["Observation"],
    "webinar.registration_cancelled": ["Observation"],
    "webinar.registration_denied": ["Observation"],
    "webinar.participant_joined": ["Observation"],
    "webinar.participant_left": ["Observation"],
    "webinar.created": ["Occurrence"],
    "webinar.updated": ["Occurrence"],
    "webinar.started": ["Occurrence"],
    "webinar.ended": ["Occurrence"],
}
"""What each sample makes; the sample of a chat message is the host's, which makes nothing."""


def samples(pattern: str) -> list[Path]:
    return sorted(SAMPLES.glob(pattern))


@pytest.mark.parametrize("path", samples("zoom/webhooks/*.json"), ids=lambda path: path.stem)
def test_every_zoom_event_is_known_and_means_what_it_should(path: Path) -> None:
    payload = json.loads(path.read_text("utf-8"))
    record = Record("zoom", payload["event"], payload)
    streams = load_mappings().streams
    assert is_known(record, streams)
    made = [type(fact).__name__ for fact in normalize(record, streams)]
    assert made == MEANINGFUL.get(record.stream, [])


def registrants(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**row, "webinar_id": 1, "start_time": ""} for row in answer["registrants"]]


def participants(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**row, "webinar_id": 1, "webinar_uuid": "u", "role": "attendee"} for row in answer["participants"]
    ]


def people_s_answers(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            **detail,
            "email": person["email"],
            "name": person["name"],
            "webinar_uuid": answer["uuid"],
            "index": 0,
        }
        for person in answer["questions"]
        for detail in person["question_details"]
    ]


def survey_answers(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**detail, "email": person["email"], "webinar_uuid": answer["webinar_uuid"], "index": 0}
        for person in answer["survey_answers"]
        for detail in person["answer_details"]
    ]


@pytest.mark.parametrize(
    ("stream", "file", "rows", "count"),
    [
        ("registrants", "webinars-webinarId-registrants_GET.json", registrants, 3),
        ("participants", "report-webinars-webinarId-participants_GET.json", participants, 1),
        ("polls", "report-webinars-webinarId-polls_GET.json", people_s_answers, 1),
        ("questions", "report-webinars-webinarId-qa_GET.json", people_s_answers, 1),
        ("surveys", "report-webinars-webinarId-survey_GET.json", survey_answers, 1),
    ],
)
def test_every_zoom_report_row_makes_facts(stream: str, file: str, rows: Any, count: int) -> None:
    answer = json.loads((SAMPLES / "zoom" / "endpoints" / file).read_text("utf-8"))
    streams = load_mappings().streams
    for row in rows(answer):
        assert len(normalize(Record("zoom", stream, row), streams)) == count


@pytest.mark.parametrize("path", samples("hubspot/webhook_*.json"), ids=lambda path: path.stem)
def test_every_hubspot_event_is_known(path: Path) -> None:
    streams = load_mappings().streams
    for event in json.loads(path.read_text("utf-8")):
        assert is_known(Record("hubspot", event["subscriptionType"], event), streams)
