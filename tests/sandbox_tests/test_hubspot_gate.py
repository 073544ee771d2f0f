"""The way into the stand-in HubSpot: token, scopes, limits, faults, and what is counted."""

from __future__ import annotations

import pytest

from tests.sandbox_tests.hubspot_desk import Desk

OWNERS = "/crm/owners/2026-09"
SEARCH = "/contacts/search"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_wrong_token_is_401(desk: Desk) -> None:
    answer = desk.call("GET", OWNERS, token="pat-eu1-other")
    assert (answer.status_code, answer.json["category"]) == (401, "INVALID_AUTHENTICATION")


def test_an_expired_token_says_so(desk: Desk) -> None:
    desk.portal.token_expires_at = desk.now + 1800
    assert desk.call("GET", OWNERS).status_code == 200
    desk.now += 1800
    answer = desk.call("GET", OWNERS)
    assert (answer.status_code, answer.json["category"]) == (401, "EXPIRED_AUTHENTICATION")


def test_a_missing_scope_is_403_and_named(desk: Desk) -> None:
    desk.portal.scopes.discard("crm.lists.write")
    body = {"name": "x", "objectTypeId": "0-1", "processingType": "MANUAL"}
    answer = desk.call("POST", "/crm/lists/2026-09", body)
    assert (answer.status_code, answer.json["category"]) == (403, "MISSING_SCOPES")
    assert answer.json["errors"][0]["context"]["requiredGranularScopes"] == ["crm.lists.write"]


def test_deals_cannot_be_written_without_their_own_scope(desk: Desk) -> None:
    body = {"inputs": [{"properties": {"dealname": "x", "dealstage": "closedwon"}, "associations": []}]}
    assert desk.post("/deals/batch/create", body).status_code == 403


def test_call_191_within_ten_seconds_is_refused_and_the_window_slides(desk: Desk) -> None:
    answers = [desk.call("GET", OWNERS) for _ in range(190)]
    assert {each.status_code for each in answers} == {200}
    assert answers[-1].headers["X-HubSpot-RateLimit-Remaining"] == "0"
    assert answers[-1].headers["X-HubSpot-RateLimit-Max"] == "190"
    refused = desk.call("GET", OWNERS)
    assert (refused.status_code, refused.json["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert refused.json["message"] == "You have reached your ten_secondly_rolling limit."
    assert refused.json["errorType"] == "RATE_LIMIT"
    assert desk.portal.request_counts["http_429"] == 1
    desk.now += 10
    assert desk.call("GET", OWNERS).status_code == 200


def test_searches_have_a_limit_of_their_own_and_no_rate_headers(desk: Desk) -> None:
    answers = [desk.post(SEARCH, {}) for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert answers[-1].json["policyName"] == "SECONDLY"
    assert answers[-1].json["message"] == "You have reached your secondly limit."
    assert not [name for name, _ in answers[0].headers if "RateLimit" in name]
    assert desk.call("GET", OWNERS).headers["X-HubSpot-RateLimit-Remaining"] == "189"
    desk.now += 1
    assert desk.post(SEARCH, {}).status_code == 200


def test_the_daily_limit_lasts_until_midnight_in_the_portals_zone(desk: Desk) -> None:
    desk.portal.limits.daily_max = 1
    usage = "/account-info/2026-09/api-usage/daily/private-apps"
    assert desk.call("GET", usage).json["results"][0]["currentUsage"] == 1
    refused = desk.call("GET", OWNERS)
    assert (refused.status_code, refused.json["policyName"]) == (429, "DAILY")
    assert refused.json["message"] == "You have reached your daily limit."
    desk.now = desk.portal.limits.resets_at() - 1
    assert desk.call("GET", OWNERS).status_code == 429
    desk.now += 1
    assert desk.call("GET", OWNERS).status_code == 200


def test_other_apps_take_from_the_same_budget(desk: Desk) -> None:
    desk.portal.other_apps(189)
    assert desk.call("GET", OWNERS).status_code == 200
    assert desk.call("GET", OWNERS).status_code == 429


def test_only_calls_that_change_something_count_as_writes(desk: Desk) -> None:
    known = desk.contact()
    desk.get(f"/contacts/{known}")
    desk.post("/contacts/batch/read", {"inputs": [{"id": known}]})
    desk.post(SEARCH, {})
    assert desk.portal.write_calls == 0
    desk.update(known, city="Vigo")
    assert desk.portal.write_calls == 1
    assert desk.portal.request_counts["POST /crm/objects/2026-09/contacts/batch/update"] == 1
    assert desk.portal.request_counts["total"] == 4


@pytest.mark.parametrize(("kind", "status"), [("500_html", 500), ("502", 502)])
def test_a_server_error_is_a_page_and_does_nothing(desk: Desk, kind: str, status: int) -> None:
    known = desk.contact()
    desk.portal.faults.next(kind)
    answer = desk.update(known, city="Vigo")
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert "city" not in desk.portal.contacts[known].properties
    assert desk.update(known, city="Vigo").status_code == 200


def test_a_hang_up_comes_after_the_call_took_effect(desk: Desk) -> None:
    known = desk.contact()
    desk.portal.faults.next("hang_up_after_apply", matching="batch/update")
    desk.get(f"/contacts/{known}")
    with pytest.raises(ConnectionResetError):
        desk.update(known, city="Vigo")
    assert desk.portal.contacts[known].properties["city"] == "Vigo"


def test_a_truncated_answer_is_a_200_that_cannot_be_read(desk: Desk) -> None:
    desk.portal.faults.next("truncated_json", times=2)
    for _ in range(2):
        answer = desk.call("GET", OWNERS)
        assert answer.status_code == 200
        assert not answer.get_data(as_text=True).endswith("}")
    assert desk.call("GET", OWNERS).json == {"results": []}


def test_an_unknown_path_is_404(desk: Desk) -> None:
    assert desk.call("GET", "/contacts/v1/lists").status_code == 404
