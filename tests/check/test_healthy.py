"""An installation in which nothing is wrong shows no problem, asks little and changes nothing."""

from __future__ import annotations

from tests.check.installation import Installation


def test_where_nothing_is_wrong_no_problem_is_shown(place: Installation) -> None:
    found = place.check()
    assert found.problems == ()
    assert found.state["HubSpot connection"] == "project app: webhooks, and polling beside them"


def test_checking_writes_nothing_to_any_vendor(place: Installation) -> None:
    before = place.portal.write_calls
    hooks = dict(place.sandbox.activecampaign.hooks)
    place.check()
    assert place.portal.write_calls == before
    assert place.sandbox.activecampaign.hooks == hooks
    assert place.sandbox.openai.requests == []
