"""record -> facts with the mappings that ship: what vendors send, well formed and not."""

from __future__ import annotations

import contextlib
import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mappings
from app.domain.errors import BadRecord, Fault
from app.domain.normalize import LONGEST_KEY, is_known, normalize
from app.domain.records import (
    ContactHint,
    Deal,
    Fact,
    IdentityKey,
    Observation,
    Occurrence,
    Profile,
    Record,
    Reference,
)
from mappings.load import load_streams

FAULTS: list[Fault] = []
STREAMS = load_streams(Path(mappings.__file__).parent, FAULTS)

REGISTRANT = {
    "id": "reg-1",
    "email": "Ana.Gil@Example.com ",
    "first_name": "Ana",
    "last_name": "Gil",
    "job_title": "Directora",
    "org": "",
    "create_time": "2026-10-01T09:00:00Z",
    "status": "approved",
    "webinar_id": 777,
    "webinar_uuid": "",
    "start_time": "2026-11-03T17:00:00Z",
}
ROW = {
    "id": "",
    "user_id": "167782",
    "name": "Ana",
    "user_email": "ana.gil@example.com",
    "join_time": "2026-11-03T17:00:00Z",
    "leave_time": "2026-11-03T17:45:30Z",
    "duration": 2730,
    "registrant_id": "reg-1",
    "role": "attendee",
    "webinar_id": "777",
    "webinar_uuid": "run==",
}
EMAIL = IdentityKey("any", "email", "ana.gil@example.com")


def facts(source: str, stream: str, payload: dict[str, Any]) -> tuple[Fact, ...]:
    return normalize(Record(source, stream, payload), STREAMS)


def event(name: str, thing: dict[str, Any], **webinar: Any) -> dict[str, Any]:
    about = {"id": 777, "uuid": "run==", "host_id": "host-1", "topic": "IA 10x", **webinar, **thing}
    return {"event": name, "event_ts": 1790000000000, "payload": {"account_id": "a", "object": about}}


def zoom(name: str, thing: dict[str, Any], **webinar: Any) -> tuple[Fact, ...]:
    return facts("zoom", name, event(name, thing, **webinar))


def joined(**changed: Any) -> tuple[Fact, ...]:
    participant = {
        "user_id": "1",
        "participant_uuid": "uuid-1",
        "email": "ana.gil@example.com",
        "registrant_id": "reg-1",
        "join_time": "2026-11-03T17:00:00Z",
    }
    return zoom("webinar.participant_joined", {"participant": participant | changed})


def observation(made: tuple[Fact, ...]) -> Observation:
    [seen] = [fact for fact in made if isinstance(fact, Observation)]
    return seen


def profile(made: tuple[Fact, ...]) -> Profile:
    [described] = [fact for fact in made if isinstance(fact, Profile)]
    return described


def refused(source: str, stream: str, payload: dict[str, Any]) -> BadRecord:
    with pytest.raises(BadRecord) as caught:
        facts(source, stream, payload)
    return caught.value


def test_the_mappings_that_ship_have_no_fault() -> None:
    assert FAULTS == []


def test_a_registration_has_one_key_from_webhook_and_pull() -> None:
    pulled = facts("zoom", "registrants", REGISTRANT)
    pushed = zoom("webinar.registration_created", {"registrant": REGISTRANT})
    assert observation(pulled).key == observation(pushed).key == "registration|777|ana.gil@example.com"
    assert observation(pulled).identities == (IdentityKey("zoom", "registrant_id", "reg-1"), EMAIL)
    assert observation(pulled).occurred_at == datetime(2026, 10, 1, 9, tzinfo=UTC)
    assert observation(pulled).scope == observation(pushed).scope == "777"


def test_a_registration_says_when_its_webinar_begins_in_utc() -> None:
    naive = REGISTRANT | {"start_time": "2026-11-03T12:00:00", "timezone": "America/Bogota"}
    starts = [
        observation(facts("zoom", "registrants", row)).attributes["starts_at"] for row in (REGISTRANT, naive)
    ]
    assert starts == ["2026-11-03T17:00:00+00:00"] * 2


def test_a_registrant_describes_the_person_too() -> None:
    described = profile(facts("zoom", "registrants", REGISTRANT))
    assert described.fields["job_title"] == "Directora"
    assert described.fields["company"] == "", "named and left empty: known to be empty"
    assert "phone" not in described.fields, "not named: unknown"


@pytest.mark.parametrize("status", ["pending", "denied"])
def test_who_was_not_approved_is_not_registered(status: str) -> None:
    assert facts("zoom", "registrants", REGISTRANT | {"status": status}) == ()
    assert zoom("webinar.registration_created", {"registrant": REGISTRANT | {"status": status}}) == ()


@pytest.mark.parametrize("change", ["cancelled", "denied"])
def test_cancelling_and_denying_end_a_registration(change: str) -> None:
    made = zoom(f"webinar.registration_{change}", {"registrant": REGISTRANT})
    assert observation(made).kind == "registration_cancelled"


def test_a_report_row_is_a_segment_of_so_many_seconds() -> None:
    seen = observation(facts("zoom", "participants", ROW))
    assert (seen.kind, seen.scope, seen.quantity) == ("webinar_segment", "run==", 2730)
    assert seen.key == "segment|run==|reg-1|2026-11-03T17:00:00Z|167782"
    assert seen.attributes == {"webinar_id": "777", "role": "attendee", "attendee": "reg-1"}


def test_a_report_row_without_leave_time_counts_its_duration_also_as_text() -> None:
    row = {**ROW, "leave_time": None, "duration": "600"}
    assert observation(facts("zoom", "participants", row)).quantity == 600


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"join_time": ""}, "join_time"),
        ({"join_time": "yesterday"}, "join_time"),
        ({"leave_time": "2026-11-03T16:00:00Z"}, "leave_time"),
        ({"leave_time": None, "duration": "long"}, "duration"),
        ({"leave_time": None, "duration": None}, "duration"),
        ({"leave_time": None, "duration": -1}, "duration"),
        ({"webinar_uuid": ""}, "webinar_uuid"),
        ({"registrant_id": {"a": 1}}, "registrant_id"),
        ({"webinar_uuid": "x" * 600}, "webinar_uuid"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_path(changed: dict[str, Any], path: str) -> None:
    assert refused("zoom", "participants", ROW | changed).path == path


def test_a_missing_field_deep_in_a_webhook_is_named_by_its_whole_path() -> None:
    body = event("webinar.participant_left", {"participant": {"user_id": "1"}})
    assert refused("zoom", "webinar.participant_left", body).path == "payload.object.participant.leave_time"


@pytest.mark.parametrize("email", ["", "ana", "ana@", "a b@example.com", "ana@example", "ana..b@example.com"])
def test_a_registration_needs_an_address(email: str) -> None:
    assert refused("zoom", "registrants", REGISTRANT | {"email": email}).path == "email"


def test_an_impossible_address_is_left_out_where_none_is_needed() -> None:
    assert observation(joined(email="guest.user@example")).identities == (
        IdentityKey("zoom", "registrant_id", "reg-1"),
    )


def test_addresses_are_composed_lowered_and_trimmed() -> None:
    made = joined(registrant_id="", email=" JOSE\u0301@Example.com\u0000 ")
    assert observation(made).identities == (IdentityKey("any", "email", "josé@example.com"),)


def test_ids_are_text_whether_sent_as_number_or_text() -> None:
    as_number = zoom("webinar.started", {"start_time": "2026-11-03T17:00:00Z"}, id=777)
    as_text = zoom("webinar.started", {"start_time": "2026-11-03T17:00:00Z"}, id="777")
    assert as_number == as_text


def test_the_host_is_nobody_s_lead() -> None:
    assert joined(id="host-1") == ()
    assert joined(id="someone-else") != ()


def test_what_the_host_writes_in_the_chat_is_no_participation() -> None:
    message = {"message_id": "m1", "date_time": "2026-11-03T17:05:00Z", "sender_email": "ana.gil@example.com"}
    assert zoom("webinar.chat_message_sent", {"chat_message": message | {"sender_type": "host"}}) == ()
    seen = observation(
        zoom("webinar.chat_message_sent", {"chat_message": message | {"sender_type": "guest"}})
    )
    assert (seen.key, seen.identities) == ("chat|m1", (EMAIL,))


def test_a_time_without_zone_is_read_in_the_webinar_s_zone() -> None:
    begins = {"start_time": "2026-11-03T17:00:00"}
    [in_bogota] = zoom("webinar.started", begins, timezone="America/Bogota")
    [without] = zoom("webinar.started", begins)
    assert isinstance(in_bogota, Occurrence)
    assert isinstance(without, Occurrence)
    assert in_bogota.starts_at == datetime(2026, 11, 3, 22, tzinfo=UTC)
    assert without.starts_at == datetime(2026, 11, 3, 17, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Nowhere/City", "../etc/passwd", "America"])
def test_a_zone_nobody_knows_is_refused_where_it_matters(zone: str) -> None:
    body = event("webinar.started", {"start_time": "2026-11-03T17:00:00", "timezone": zone})
    assert refused("zoom", "webinar.started", body).path == "payload.object.timezone"
    assert zoom("webinar.started", {"start_time": "2026-11-03T17:00:00Z", "timezone": zone})


def test_zoom_s_seven_digit_fractions_are_times() -> None:
    row = ROW | {"join_time": "2026-11-03T17:00:00.6600000+00:00"}
    assert observation(facts("zoom", "participants", row)).occurred_at.microsecond == 660_000


def test_the_end_of_a_run_is_its_real_end() -> None:
    times = {"start_time": "2026-11-03T17:00:00Z", "end_time": "2026-11-03T18:10:00Z", "duration": 60}
    [ended] = zoom("webinar.ended", times)
    assert isinstance(ended, Occurrence)
    assert ended.ends_at == datetime(2026, 11, 3, 18, 10, tzinfo=UTC)


def test_an_update_that_says_too_little_makes_no_occurrence() -> None:
    body = event("webinar.updated", {})
    assert normalize(Record("zoom", "webinar.updated", body), STREAMS) == ()


def test_poll_answers_are_told_apart_by_person_question_and_time() -> None:
    answer = {
        "email": "Ana.Gil@example.com",
        "name": "Ana",
        "question": "¿Presupuesto?",
        "answer": "Sí",
        "date_time": "2026-11-03T17:20:00Z",
        "webinar_uuid": "run==",
        "index": 3,
    }
    seen = observation(facts("zoom", "polls", answer))
    assert seen.key == "poll|run==|ana.gil@example.com|¿Presupuesto?|2026-11-03T17:20:00Z"
    anonymous = observation(facts("zoom", "polls", answer | {"email": "", "name": "Anonymous Attendee"}))
    assert anonymous.identities == ()
    assert anonymous.key != observation(facts("zoom", "polls", answer | {"email": "", "index": 4})).key


def test_an_anonymous_question_is_kept_without_identity() -> None:
    question = {
        "email": "",
        "name": "Anonymous Attendee",
        "question": "¿Cuándo?",
        "question_id": "q1",
        "create_time": "2026-11-03T17:30:00Z",
        "webinar_uuid": "run==",
    }
    seen = observation(facts("zoom", "questions", question))
    assert (seen.kind, seen.key, seen.identities) == ("qa_question", "question|run==|q1", ())


def test_long_keys_fit_a_database_index_and_stay_apart() -> None:
    answer = {"email": "ana.gil@example.com", "date_time": "2026-11-03T17:20:00Z", "webinar_uuid": "run=="}
    keys = [
        observation(facts("zoom", "polls", answer | {"question": "é" * 5000 + ending})).key for ending in "ab"
    ]
    assert keys[0] != keys[1]
    assert all(len(key.encode()) <= LONGEST_KEY for key in keys)


CONTACT = {
    "id": "501",
    "properties": {
        "email": "ana.gil@example.com",
        "hs_additional_emails": "ana@example.org;BAD;Ana.Gil@example.com",
        "jobtitle": "CEO",
        "company": None,
        "hs_email_open": "4",
        "lastmodifieddate": "2026-11-20T08:00:00.123Z",
    },
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-11-20T08:00:01Z",
    "archived": False,
}


def test_a_contact_describes_the_person_by_id_first_and_every_address() -> None:
    described = profile(facts("hubspot", "contacts", CONTACT))
    assert described.identities == (
        IdentityKey("hubspot", "contact_id", "501"),
        EMAIL,
        IdentityKey("any", "email", "ana@example.org"),
    )
    assert described.fields["job_title"] == "CEO"
    assert described.fields["company"] == ""
    assert described.fields["email_opens"] == "4"
    assert "phone" not in described.fields
    assert described.observed_at == datetime(2026, 11, 20, 8, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize("name", ["مريم", "👩🏽‍💻 Zoë", "שלום\u200f", "O'Ñandú"])
def test_emoji_and_right_to_left_names_stay_as_they_are(name: str) -> None:
    contact = copy.deepcopy(CONTACT)
    contact["properties"]["firstname"] = name
    assert profile(facts("hubspot", "contacts", contact)).fields["first_name"] == name


def test_a_ten_kilobyte_job_title_is_kept_whole_and_a_novel_is_cut() -> None:
    contact = copy.deepcopy(CONTACT)
    contact["properties"] |= {"jobtitle": "x" * 10_000, "company": "y" * 100_000}
    fields = profile(facts("hubspot", "contacts", contact)).fields
    assert len(fields["job_title"]) == 10_000
    assert len(fields["company"]) == 65_536


def test_control_characters_and_broken_surrogates_are_taken_out() -> None:
    contact = copy.deepcopy(CONTACT)
    contact["properties"]["jobtitle"] = " Jefa\u0000 de\r\n ventas\ud83d "
    assert profile(facts("hubspot", "contacts", contact)).fields["job_title"] == "Jefa de  ventas"


def test_a_deal_closed_and_won_says_so() -> None:
    properties = {
        "pipeline": "default",
        "dealstage": "closedwon",
        "amount": "1200.50",
        "hs_is_closed": "true",
        "hs_is_closed_won": True,
        "createdate": "2026-10-01T00:00:00Z",
        "closedate": None,
        "hs_lastmodifieddate": "2026-11-01T00:00:00Z",
    }
    [deal] = facts("hubspot", "deals", {"id": 9, "properties": properties, "contact_ids": ["501", "502"]})
    assert isinstance(deal, Deal)
    assert (deal.deal_id, deal.contact_ids, deal.amount) == ("9", ("501", "502"), 1200.5)
    assert deal.is_closed
    assert deal.is_won
    assert deal.closed_at is None


def test_owners_and_pipelines_are_references() -> None:
    [owner] = facts("hubspot", "owners", {"id": "7", "email": "sales@example.com"})
    assert owner == Reference("hubspot", "owner", "7", {"id": "7", "email": "sales@example.com"})


@pytest.mark.parametrize(
    ("stream", "change"),
    [
        ("contact.creation", "changed"),
        ("contact.propertyChange", "changed"),
        ("contact.restore", "restored"),
        ("contact.deletion", "deleted"),
        ("contact.privacyDeletion", "privacy_deleted"),
    ],
)
def test_a_contact_webhook_is_a_hint(stream: str, change: str) -> None:
    [hint] = facts("hubspot", stream, {"objectId": 123, "occurredAt": 1790000000000, "propertyValue": "x"})
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=1790000000000)
    value = "x" if stream.endswith("propertyChange") else ""
    assert hint == ContactHint("hubspot", "123", change, at, value=value)


def test_an_association_change_hints_at_its_contact() -> None:
    [hint] = facts("hubspot", "contact.associationChange", {"fromObjectId": 5, "occurredAt": 1790000000000})
    assert isinstance(hint, ContactHint)
    assert hint.contact_id == "5"


def test_a_merge_is_one_hint_for_each_contact_that_ended() -> None:
    merge = {"primaryObjectId": 1, "mergedObjectIds": [2, 3], "occurredAt": 1790000000000}
    into_primary = facts("hubspot", "contact.merge", merge)
    into_new = facts("hubspot", "contact.merge", merge | {"newObjectId": 4})
    assert [(hint.contact_id, hint.into) for hint in into_primary] == [("2", "1"), ("3", "1")]
    assert [(hint.contact_id, hint.into) for hint in into_new] == [("2", "4"), ("3", "4"), ("1", "4")]


def test_a_merge_of_nobody_is_refused() -> None:
    merge = {"primaryObjectId": 1, "mergedObjectIds": [], "occurredAt": 1790000000000}
    assert refused("hubspot", "contact.merge", merge).path == "mergedObjectIds"


def test_ignored_streams_are_known_and_make_nothing() -> None:
    ignored = Record("zoom", "webinar.sharing_started", {"any": "thing"})
    unknown = Record("zoom", "webinar.invented_tomorrow", {})
    assert is_known(ignored, STREAMS)
    assert normalize(ignored, STREAMS) == ()
    assert not is_known(unknown, STREAMS)
    assert normalize(unknown, STREAMS) == ()
    assert not is_known(Record("fax", "page", {}), STREAMS)


def test_unknown_fields_change_nothing() -> None:
    assert facts("zoom", "participants", ROW | {"new": {"deep": [1]}}) == facts("zoom", "participants", ROW)


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
COMPLETE = [
    ("zoom", "registrants", REGISTRANT),
    ("zoom", "participants", ROW),
    ("hubspot", "contacts", CONTACT | CONTACT["properties"]),
]


@given(st.sampled_from(COMPLETE), st.data())
def test_any_field_may_hold_anything_and_only_bad_record_comes_of_it(
    sample: tuple[str, str, dict[str, Any]], choices: st.DataObject
) -> None:
    source, stream, payload = sample
    spoilt = choices.draw(st.dictionaries(st.sampled_from(sorted(payload)), junk, min_size=1))
    made: tuple[Fact, ...] = ()
    with contextlib.suppress(BadRecord):
        made = facts(source, stream, payload | spoilt)
    for fact in made:
        if isinstance(fact, Observation):
            assert fact.occurred_at.tzinfo is not None
            fact.key.encode()
