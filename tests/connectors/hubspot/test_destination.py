"""HubSpot as the destination, against the stand-in portal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.domain.changes import AddToList, EnsureList, EnsureProperty, SetProperties, Unenrol
from app.domain.errors import BadCredentials, TryLater
from connectors.hubspot import errors
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.destination import HubSpotDestination
from tests.connectors.hubspot.conftest import client_of
from tests.contracts.destination import (
    GROUP,
    SCORE,
    SETUP,
    DestinationContract,
    assert_all_done,
    assert_only_rejected,
    enrol,
    plan,
    set_score,
    task,
)
from tests.sandbox.hubspot import HubSpotPortal, ListTrigger, PropertyTrigger, V2Trigger

STAMPS = ("lastmodifieddate",)


@pytest.fixture
def destination(client: HubSpotClient) -> HubSpotDestination:
    return HubSpotDestination(client)


@pytest.fixture
def contact_ids(portal: HubSpotPortal) -> list[str]:
    return [
        portal.add_contact({"email": f"lead{position}@example.com", "firstname": f"Lead {position}"})
        for position in range(105)
    ]


@pytest.fixture
def ready(destination: HubSpotDestination, portal: HubSpotPortal) -> HubSpotDestination:
    assert_all_done(SETUP, destination.apply(SETUP))
    portal.request_counts.clear()
    return destination


class TestHubSpotDestinationContract(DestinationContract):
    @pytest.fixture
    def destination(self, client: HubSpotClient) -> HubSpotDestination:
        return HubSpotDestination(client)

    @pytest.fixture
    def contact_ids(self, contact_ids: Sequence[str]) -> Sequence[str]:
        return contact_ids

    @pytest.fixture
    def unknown_id(self) -> str:
        return "9999"

    @pytest.fixture
    def snapshot(self, portal: HubSpotPortal) -> Callable[[], Mapping[str, Any]]:
        def take() -> dict[str, Any]:
            state = portal.dump()
            state.pop("contacts")
            for contact_id, record in portal.contacts.items():
                state[contact_id] = {k: v for k, v in record.properties.items() if k not in STAMPS}
            return state

        return take


def test_1000_contacts_take_ten_calls(ready: HubSpotDestination, portal: HubSpotPortal):
    ids = [portal.add_contact({"email": f"many{position}@example.com"}) for position in range(1000)]
    assert_all_done(None, ready.apply(set_score(each, "3") for each in ids))
    assert portal.request_counts["total"] == 10
    assert_all_done(None, ready.apply(AddToList(f"add:{each}", 1, each, "Savia hot") for each in ids))
    assert portal.request_counts["total"] == 11


def test_two_changes_of_one_contact_go_out_in_two_calls(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    assert_all_done(None, ready.apply([set_score(contact_ids[0], "1"), set_score(contact_ids[0], "2")]))
    assert portal.contacts[contact_ids[0]].properties["savia_score"] == "2"


def test_an_unknown_property_is_named_in_the_outcome(ready: HubSpotDestination, contact_ids: list[str]):
    (outcome,) = ready.apply([SetProperties("set:1", 1, contact_ids[0], {"savia_none": "1"})])
    assert outcome.status == "rejected"
    assert outcome.reason == "VALIDATION_ERROR: savia_none PROPERTY_DOESNT_EXIST"


def test_a_rule_of_the_portals_own_is_named_and_rejects_that_contact_alone(
    portal: HubSpotPortal, address: str, contact_ids: list[str]
):
    with client_of(address) as client:
        destination = HubSpotDestination(client)
        assert_all_done(SETUP, destination.apply(SETUP))
        portal.crm.rules.append(("savia_score", "90", "industry"))
        changes = [
            set_score(contact_ids[0], "1"),
            set_score(contact_ids[1], "90"),
            set_score(contact_ids[2], "2"),
        ]
        outcomes = list(destination.apply(changes))
    assert_only_rejected(changes, [1], outcomes)
    reason = next(outcome.reason for outcome in outcomes if outcome.status == "rejected")
    assert reason.startswith("VALIDATION_ERROR: industry MISSING_REQUIRED_PROPERTY; a rule of this portal")


def test_errors_told_with_a_200_are_judged_item_by_item_all_the_same(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    portal.folds_errors = True
    changes = [set_score(contact_ids[0], "1"), set_score(contact_ids[1], "many"), set_score("9999", "2")]
    assert_only_rejected(changes, [1, 2], ready.apply(changes))


@pytest.mark.parametrize("length", [65_536, 65_537])
def test_a_text_up_to_hubspots_limit_is_written_and_a_longer_one_is_rejected_alone(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str], length: int
):
    text = "ñ" * (length - 2) + "😀\n"
    changes = [SetProperties(f"set:{each}", 1, each, {"jobtitle": "x"}) for each in contact_ids[:3]]
    changes[1] = replace(changes[1], properties={"jobtitle": text})
    assert_only_rejected(changes, [] if length <= 65_536 else [1], ready.apply(changes))
    if length <= 65_536:
        assert portal.contacts[contact_ids[1]].properties["jobtitle"] == text


def test_outcomes_given_before_hubspot_went_away_stand(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    portal.faults.next("502", times=99, matching="PUT")
    changes = plan(contact_ids[:5])
    seen = []
    outcomes = ready.apply(changes)
    with pytest.raises(TryLater):
        seen.extend(outcomes)
    assert [outcome.key for outcome in seen] == [change.key for change in changes[:10]]


def test_a_task_that_may_have_been_made_is_not_made_twice_and_is_found(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    portal.faults.next("hang_up_after_apply", matching="tasks/batch/create")
    changes = [task(contact_ids[0]), task(contact_ids[1])]
    with pytest.raises(TryLater) as caught:
        list(ready.apply(changes))
    assert caught.value.maybe_applied
    assert len(portal.tasks) == 2
    assert ready.find_applied(changes) == {change.key for change in changes}


def test_writes_that_are_safe_twice_survive_a_lost_answer(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    portal.faults.next("hang_up_after_apply", matching="batch/update")
    portal.faults.next("hang_up_after_apply", matching="batch/upsert")
    portal.faults.next("hang_up_after_apply", matching="memberships/add")
    changes = [
        change for change in plan(contact_ids[:3]) if change.key.split(":")[0] in ("create", "set", "add")
    ]
    assert_all_done(changes, ready.apply(changes))
    assert len(portal.contacts) == len(contact_ids) + 3


def test_a_task_carries_its_mark_its_due_time_and_its_contact(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    owner = portal.add_owner("ventas@example.com")
    assert_all_done(None, ready.apply([replace(task(contact_ids[0]), owner_id=owner)]))
    ((task_id, made),) = portal.tasks.items()
    assert made.properties["hs_task_body"].splitlines()[-1] == f"savia:task:{contact_ids[0]}"
    assert made.properties["hs_timestamp"] == "2026-11-23T09:00:00Z"
    assert made.properties["hubspot_owner_id"] == owner
    assert portal.task_contacts(task_id) == [contact_ids[0]]


def test_a_task_for_an_owner_who_left_is_rejected_alone(ready: HubSpotDestination, contact_ids: list[str]):
    changes = [task(contact_ids[0]), replace(task(contact_ids[1]), owner_id="1"), task(contact_ids[2])]
    assert_only_rejected(changes, [1], ready.apply(changes))


def test_joining_the_list_starts_its_workflow_once(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    portal.add_workflow("1", "by list", ListTrigger("Savia hot"))
    change = enrol(contact_ids[0])
    assert_all_done(None, ready.apply([change]))
    assert_all_done(None, ready.apply([change]))
    assert [each.contact_id for each in portal.enrolments] == [contact_ids[0]]


def test_a_new_trigger_time_starts_the_workflow_again_and_the_same_does_not(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    portal.add_workflow("1", "by property", PropertyTrigger("savia_trigger"))
    change = enrol(contact_ids[0])
    later = replace(change, triggered_at=change.triggered_at + 60_000)
    assert_all_done(None, ready.apply([change, later, later]))
    assert len(portal.enrolments) == 2


def test_the_v2_call_is_made_where_asked_and_marked_done_last(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    portal.add_workflow("77", "by call", V2Trigger())
    changes = [
        replace(enrol(contact_ids[0]), email="lead0@example.com", v2_workflow_id="77"),
        replace(enrol(contact_ids[1]), email="lead1@example.com", v2_workflow_id="78"),
        enrol(contact_ids[2]),
    ]
    assert_only_rejected(changes, [1], ready.apply(changes))
    assert [each.contact_id for each in portal.enrolments] == [contact_ids[0]]
    assert ready.find_applied(changes) == {changes[0].key, changes[2].key}


@pytest.mark.parametrize("why", ["the right is missing", "the call is gone"])
def test_a_v2_call_that_is_not_open_to_us_is_rejected_and_holds_up_no_other_change(
    ready: HubSpotDestination,
    portal: HubSpotPortal,
    contact_ids: list[str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
):
    portal.add_workflow("77", "by call", V2Trigger())
    portal.scopes.discard("automation")
    if why == "the call is gone":
        monkeypatch.setattr(errors, "_refused", lambda *_: errors.explain(404, None, {}))
    changes = [
        replace(enrol(contact_ids[0]), email="lead0@example.com", v2_workflow_id="77"),
        enrol(contact_ids[1]),
    ]
    outcomes = {outcome.key: outcome for outcome in ready.apply(changes)}
    assert [outcomes[change.key].status for change in changes] == ["rejected", "done"]
    assert outcomes[changes[0].key].reason
    assert portal.enrolments == []
    end = Unenrol("end:1", 1, contact_ids[0], "lead0@example.com", "hot_leads", "77")
    assert [outcome.status for outcome in ready.apply([end])] == ["rejected"]


def test_a_v2_call_without_an_answer_is_left_for_reading(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    portal.add_workflow("77", "by call", V2Trigger())
    portal.faults.next("hang_up_after_apply", matching="POST /automation")
    change = replace(enrol(contact_ids[0]), email="lead0@example.com", v2_workflow_id="77")
    with pytest.raises(TryLater) as caught:
        list(ready.apply([change]))
    assert caught.value.maybe_applied
    assert_all_done([change], ready.apply([change]))
    assert len(portal.enrolments) == 1


def test_a_list_made_anew_under_its_name_is_found_again(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    old = portal.list_named("Savia hot").list_id
    portal.crm.lists.create("Savia interim", "MANUAL", 0.0)
    portal.crm.lists.by_id.pop(old)
    portal.add_list("Savia hot")
    assert_all_done(None, ready.apply([AddToList("add:1", 1, contact_ids[0], "Savia hot")]))


def test_lists_of_others_are_not_ours(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    list_id = portal.add_list("Newsletter about Savia")
    portal.crm.lists.by_id[list_id].members[contact_ids[0]] = 0.0
    assert ready.read(contact_ids[:1], [])[contact_ids[0]].lists == frozenset()


def test_a_property_of_the_wrong_type_and_a_foreign_owner_are_problems(
    destination: HubSpotDestination, portal: HubSpotPortal
):
    assert_all_done(None, destination.apply([GROUP, SCORE]))
    wrong = EnsureProperty("x", "savia_score", {**SCORE.definition, "type": "string", "fieldType": "text"})
    foreign = EnsureProperty("y", "jobtitle", {**SCORE.definition, "name": "jobtitle", "type": "string"})
    problems, missing = destination.check([wrong, foreign])
    assert missing == []
    assert {problem.subject for problem in problems} == {"property savia_score", "property jobtitle"}
    assert all(problem.severity == "error" for problem in problems)


def test_missing_options_and_an_active_list_are_problems(
    destination: HubSpotDestination, portal: HubSpotPortal
):
    portal.add_list("Savia warm", "DYNAMIC")
    options = [{"label": band, "value": band, "displayOrder": 0, "hidden": False} for band in ("hot", "cold")]
    shape = {"type": "enumeration", "fieldType": "select", "name": "savia_band", "label": "Band"}
    band = EnsureProperty("x", "savia_band", {**shape, "groupName": "savia", "options": options[:1]})
    assert_all_done(None, destination.apply([GROUP, band]))
    more = EnsureProperty("x", "savia_band", {**band.definition, "options": options})
    problems, missing = destination.check([more, EnsureList("y", "Savia warm")])
    assert missing == []
    assert [problem.subject for problem in problems] == ["property savia_band", "list Savia warm"]


def test_a_missing_scope_is_a_problem_that_names_it(destination: HubSpotDestination, portal: HubSpotPortal):
    portal.scopes.discard("crm.lists.read")
    problems, _missing = destination.check(SETUP)
    assert ["crm.lists.read" in problem.message for problem in problems] == [True]


def test_a_refused_token_stops_the_rest(
    ready: HubSpotDestination, portal: HubSpotPortal, contact_ids: list[str]
):
    portal.token = "another"
    with pytest.raises(BadCredentials):
        list(ready.apply(plan(contact_ids[:2])))
