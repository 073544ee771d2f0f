"""Arms are even, fixed and independent; an experiment's size is the textbook's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.experiments import arm_of, assign, contacts_needed, first_eligible, power_table
from app.domain.gate import Gate
from tests.domain.leads import FRESH, MAPPING, OPEN, contact, desired

PEOPLE = 1_000_000
ALARM = 10.83
"""Chi-square of one degree of freedom at one in a thousand."""


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_shares_of_a_million_people_raise_no_alarm(share: float) -> None:
    held_out = sum(arm_of(person, "7f3a", share) == "holdout" for person in range(1, PEOPLE + 1))
    expected = PEOPLE * share
    chi_square = (held_out - expected) ** 2 * (1 / expected + 1 / (PEOPLE - expected))
    assert chi_square < ALARM


@given(st.integers(1, 10**12), st.text(max_size=20))
def test_a_persons_arm_is_the_same_at_every_call_and_a_larger_share_keeps_who_is_held_out(
    person: int, salt: str
) -> None:
    assert arm_of(person, salt, 0.3) == arm_of(person, salt, 0.3)
    assert arm_of(person, salt, 0.0) == "treated"
    if arm_of(person, salt, 0.1) == "holdout":
        assert arm_of(person, salt, 0.3) == "holdout"


def test_two_experiments_hold_out_different_people() -> None:
    both = sum(
        arm_of(person, "one", 0.5) == arm_of(person, "two", 0.5) == "holdout" for person in range(20_000)
    )
    assert 4_700 < both < 5_300


def test_only_who_would_be_acted_on_now_and_never_was_is_eligible() -> None:
    hot, quiet, met = desired(1, 85), desired(2, 10), desired(3, 85)
    current = {item.lead.contact_id: contact(item) for item in (hot, quiet, met)}
    past = FRESH.__class__(frozenset({(3, "cold_leads")}), frozenset(), 1, 60)
    found = first_eligible([hot, quiet, met], current, past, OPEN, MAPPING, create_contacts=True)
    assert [item.lead.person_id for item in found] == [1]
    for gate in (Gate(released=False), Gate(released=True, arms={1: "treated"})):
        assert first_eligible([hot], current, past, gate, MAPPING, create_contacts=True) == []
    assert assign(found, "salt", 0.5)[0].stratum == "hot"


def test_a_lead_whose_contact_is_made_first_is_eligible_where_the_portal_mails_it_at_once() -> None:
    new = desired(1, 85, contact_id="")
    mailed_at_once = replace(OPEN, marketing_contacts=False)
    found = [
        first_eligible([new], {}, FRESH, gate, MAPPING, create_contacts=creates)
        for gate, creates in ((mailed_at_once, True), (mailed_at_once, False), (OPEN, True))
    ]
    assert found == [[new], [], []]


def test_the_contacts_needed_are_the_textbooks() -> None:
    """Two arms of equal size, 10 % against 12 %, 80 % power: 3,841 each (Fleiss, without correction)."""
    assert contacts_needed(0.10, 0.2, 0.5) == pytest.approx(2 * 3841, abs=4)
    assert contacts_needed(0.10, 0.2, 0.1) > contacts_needed(0.10, 0.2, 0.5)
    assert contacts_needed(0.10, 0.5, 0.1) < contacts_needed(0.10, 0.2, 0.1)


def test_the_power_table_says_weeks_only_where_leads_come_in() -> None:
    (row,) = power_table(0.1, 100, [0.2], [0.5])
    assert row.weeks == pytest.approx(row.contacts / 100)
    assert power_table(0.1, 0, [0.2], [0.5])[0].weeks is None
    assert power_table(0.6, 100, [1.0], [0.5]) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        contacts_needed(0.0, 0.2, 0.1)
