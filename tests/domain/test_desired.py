"""What HubSpot should hold about a lead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.desired import LONGEST_TEXT, lead_values, make_desired, milliseconds
from app.domain.portal_schema import wanted_schema
from app.domain.records import Activity
from app.domain.values import same_value
from tests.domain.leads import MAPPING, NOW, lead


def test_every_property_of_the_mapping_shows_a_known_value() -> None:
    mailed = lead(1, activities=(Activity("email_open", "open|1", NOW, 1.0),))
    known = replace(mailed.score, probability=0.5, grid="A1")
    values = lead_values(replace(mailed, score=known, percentile=97))
    assert {item.value for item in MAPPING.properties} - {"holdout", "why_not"} <= set(values)


def test_minutes_are_rounded_once_half_up_over_all_webinars() -> None:
    seen = tuple(Activity("webinar_attendance", f"run-{n}", NOW, 10.25) for n in range(2))
    assert lead_values(lead(1, activities=seen))["webinar_minutes"] == "21"


def test_a_lead_nobody_ever_saw_act_has_unknown_counts_not_zeros() -> None:
    quiet = replace(lead(1, activities=()), observed=False)
    assert "webinars_attended" not in lead_values(quiet)
    assert lead_values(replace(quiet, observed=True))["webinars_attended"] == "0"


def test_people_and_machines_are_counted_apart_and_mails_nobody_told_of_are_unknown() -> None:
    filtered = {"machine": True, "evidence": "opened 1 s after sending: faster than reading"}
    mails = (
        Activity("email_sent", "sent|1", NOW - timedelta(hours=1), 1.0),
        Activity("email_open", "open|1", NOW, 1.0, attributes=filtered),
        Activity("email_click", "click|1", NOW - timedelta(minutes=30), 1.0),
        Activity("email_click", "click|2", NOW, 1.0, attributes=filtered),
    )
    values = lead_values(lead(1, activities=mails))
    counts = {
        name: values[name] for name in ("email_opens", "machine_opens", "email_clicks", "machine_clicks")
    }
    assert counts == {"email_opens": "0", "machine_opens": "1", "email_clicks": "1", "machine_clicks": "1"}
    assert values["last_activity_at"] == milliseconds(NOW - timedelta(minutes=30))
    assert "email_opens" not in lead_values(lead(1))


def test_a_long_text_is_cut_to_what_hubspot_takes() -> None:
    long = replace(lead(1), texts=replace(lead(1).texts, reasons="x" * 100_000))
    assert len(lead_values(long)["reasons"]) == LONGEST_TEXT


def test_a_hot_lead_wants_the_hot_list_sequence_and_task() -> None:
    wanted = make_desired(lead(7, 85), MAPPING, NOW)
    assert wanted.lists == {"Savia: hot"}
    assert [flow.key for flow in wanted.workflows] == ["hot_leads"]
    assert [task.key for task in wanted.tasks] == ["call_hot_lead:7"]
    assert "85" in wanted.tasks[0].subject


@pytest.mark.parametrize(("value", "count"), [(85, 1), (65, 0), (10, 0)])
def test_only_hot_leads_want_a_task(value: int, count: int) -> None:
    assert len(make_desired(lead(1, value), MAPPING, NOW).tasks) == count


def test_numbers_are_equal_however_they_are_spelt() -> None:
    assert same_value("5", "5.0")
    assert not same_value("5", "")
    assert not same_value("hot", "warm")


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_schema_holds_the_group_first_then_every_property_and_list(language: str) -> None:
    schema = wanted_schema(MAPPING, language)  # type: ignore[arg-type]
    names = [change.name for change in schema]
    assert names[0] == "savia"
    assert {item.name for item in MAPPING.properties} <= set(names)
    assert {"Savia: hot", "Savia: secuencia hot_leads", "savia_hot_leads_at"} <= set(names)
    assert all(change.definition.get("label") for change in schema if hasattr(change, "definition"))


def test_each_source_says_up_to_when_its_data_are_in_and_the_oldest_counts() -> None:
    through = {"zoom": NOW, "hubspot": NOW - timedelta(hours=3)}
    values = lead_values(replace(lead(1), data_through=through))
    assert values["data_through"] == milliseconds(NOW - timedelta(hours=3))
    assert values["sources_through"].splitlines() == [
        f"hubspot: {NOW - timedelta(hours=3):%Y-%m-%d %H:%M} UTC",
        f"zoom: {NOW:%Y-%m-%d %H:%M} UTC",
    ]
    assert "sources_through" not in lead_values(replace(lead(1), data_through={}))
    values = lead_values(replace(lead(1), data_through={**through, "activecampaign": None}))
    assert "data_through" not in values, "not known while one source has not been read for everybody"
    assert values["sources_through"].splitlines()[0] == "activecampaign: not everybody read yet"
