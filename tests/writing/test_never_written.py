"""Whatever a run writes is Savia's own, or a new contact's name: never a stage, a status or a consent."""

from __future__ import annotations

from app.services import Services
from tests.line import Town
from tests.writing.acts import first_plan

OF_A_NEW_CONTACT = {"email", "firstname", "lastname", "company", "jobtitle"}


def test_a_whole_run_writes_nothing_that_is_hubspots_or_the_marketers(place: Town, living: Services) -> None:
    stages = {key: record.properties.get("lifecyclestage") for key, record in place.portal.contacts.items()}
    first_plan(living)
    written = {write.property for write in place.portal.writes}
    assert {name for name in written if not name.startswith("savia_")} <= OF_A_NEW_CONTACT
    for key, stage in stages.items():
        assert place.portal.contacts[key].properties.get("lifecyclestage") == stage
