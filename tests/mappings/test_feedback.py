"""Sales' answer: asked for in HubSpot, read back into the profile, never written by us."""

from __future__ import annotations

from app.domain.desired import lead_values, make_desired
from app.domain.normalize import normalize
from app.domain.portal_schema import wanted_schema
from app.domain.records import Profile, Record
from mappings.load import contact_properties, load_mappings
from tests.domain.leads import NOW, lead

MAPPINGS = load_mappings()
(FEEDBACK,) = MAPPINGS.hubspot.asked


def test_the_question_is_made_in_our_group_with_its_answers_in_the_portals_language() -> None:
    for language, good in (("es", "Buen lead"), ("en", "Good")):
        made = {item.key: item for item in wanted_schema(MAPPINGS.hubspot, language)}  # type: ignore[arg-type]
        definition = made[f"property:{FEEDBACK.name}"].definition  # type: ignore[union-attr]
        assert definition["groupName"] == MAPPINGS.hubspot.group.name
        assert [option["value"] for option in definition["options"]] == ["good", "bad_timing", "not_a_fit"]
        assert definition["options"][0]["label"] == good


def test_an_answer_is_read_back_into_the_profile() -> None:
    assert FEEDBACK.name in contact_properties(MAPPINGS)
    answered = {"email": "ana@example.com", FEEDBACK.name: "bad_timing"}
    payload = {"id": "7", "properties": {**answered, "lastmodifieddate": "2026-11-22T10:00:00Z"}}
    (fact,) = normalize(Record("hubspot", "contacts", payload), MAPPINGS.streams)
    assert isinstance(fact, Profile)
    assert fact.fields["feedback"] == "bad_timing"


def test_it_is_never_written() -> None:
    assert FEEDBACK.name not in {item.name for item in MAPPINGS.hubspot.properties}
    assert FEEDBACK.name not in make_desired(lead(1), MAPPINGS.hubspot, NOW).properties
    assert "feedback" not in lead_values(lead(1))
