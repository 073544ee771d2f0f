"""What GA4's rows become: facts about the contact whose id the site sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.errors import BadRecord
from app.domain.normalize import normalize
from app.domain.records import IdentityKey, Observation, Record, Reference
from mappings.load import FOLDER, load_streams

STREAMS = load_streams(FOLDER, [])
ROW = {
    "scope": "session_start 2026-11-21",
    "day": "2026-11-21",
    "at": "2026-11-21T10:05",
    "time_zone": "Europe/Madrid",
    "grain": "minute",
    "flags": "",
    "hubspot_id": "90071992547409931",
    "event": "session_start",
    "page": "/precios",
    "file": "",
    "device": "mobile",
    "event_count": "2",
}


def meaning(stream: str, **changes: Any) -> Observation:
    (fact,) = normalize(Record("ga4", stream, ROW | changes), STREAMS)
    assert isinstance(fact, Observation)
    return fact


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        ("session_start", "website_visit"),
        ("lead_identified", "website_visit"),
        ("file_download", "content_download"),
        ("share", "social_share"),
    ],
)
def test_each_event_is_one_act_of_the_contact_whatever_the_tag_did(stream: str, kind: str):
    seen = meaning(stream)
    assert (seen.kind, seen.quantity) == (kind, 1.0)
    assert seen.identities == (IdentityKey("hubspot", "contact_id", "90071992547409931"),)
    assert seen.occurred_at == datetime(2026, 11, 21, 9, 5, tzinfo=UTC)
    assert seen.attributes["event_count"] == "2"


def test_a_later_reading_of_the_same_act_has_the_same_key():
    assert meaning("session_start", event_count="3").key == meaning("session_start").key
    assert meaning("file_download", file="/a.pdf").key != meaning("file_download", file="/b.pdf").key


def test_the_device_of_a_visit_is_known():
    assert meaning("session_start").attributes["device"] == "mobile"


def test_everything_of_one_reading_stands_in_one_scope():
    assert meaning("share", scope="share 2026-11-21").scope == "share 2026-11-21"


def test_the_quality_of_a_day_is_kept_under_its_date():
    day = {"day": "2026-11-21", "rows": 12, "flags": "other_row", "sampled": 1.0, "is_final": True}
    (fact,) = normalize(Record("ga4", "days", day), STREAMS)
    assert fact == Reference("ga4", "ga4_day", "2026-11-21", day)


def test_a_row_whose_time_cannot_be_read_is_held_with_its_path():
    with pytest.raises(BadRecord) as held:
        meaning("share", at="(other)")
    assert held.value.path == "at"
