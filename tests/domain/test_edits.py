"""A person's edit wins until they empty the property; what is unknown, ours or overwritten is no edit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.changes import Contact, SetProperties
from app.domain.edits import Memory, find_edits
from app.domain.past import Past
from app.domain.plan import make_plan
from tests.domain.leads import MAPPING, NOW, OPEN, WIDE, contact, desired

WANTED = {"savia_score": "85", "savia_band": "hot", "savia_next_action": "Llamar", "savia_reasons": "+85"}
WRITTEN = {"savia_score": "70", "savia_band": "warm", "savia_next_action": "Esperar", "savia_reasons": "+70"}


def edits(held: dict[str, str], memory: Memory) -> dict[str, str]:
    return find_edits(WANTED, Contact("1", "", held), memory, MAPPING)


def remembered(**more: object) -> Memory:
    return Memory("1", WRITTEN, **more)  # type: ignore[arg-type]


def test_a_value_that_is_not_what_we_last_wrote_is_somebody_elses() -> None:
    assert edits({**WRITTEN, "savia_band": "cold"}, remembered()) == {"savia_band": "cold"}
    assert edits(WRITTEN, remembered()) == {}


def test_what_explains_our_own_score_is_overwritten() -> None:
    assert edits({**WRITTEN, "savia_reasons": "porque sí"}, remembered()) == {}


def test_what_stood_there_before_we_ever_wrote_or_on_another_contact_is_no_edit() -> None:
    assert edits({"savia_band": "cold"}, Memory()) == {}
    assert edits({"savia_band": "cold"}, Memory("2", WRITTEN)) == {}


def test_an_edit_stays_one_once_we_have_read_it_and_ends_when_it_is_emptied() -> None:
    seen = Memory("1", {**WRITTEN, "savia_band": "cold"}, edited={"savia_band": "cold"})
    assert edits({**WRITTEN, "savia_band": "cold"}, seen) == {"savia_band": "cold"}
    assert edits({**WRITTEN, "savia_band": ""}, seen) == {}
    assert edits({**WRITTEN, "savia_band": "hot"}, seen) == {}


def test_a_value_of_ours_that_was_sent_without_an_answer_is_no_edit() -> None:
    sent = remembered(unsettled={"savia_band": {"cold"}})
    assert edits({**WRITTEN, "savia_band": "cold"}, sent) == {}


def test_hubspots_own_spelling_is_no_edit() -> None:
    kept = {**WRITTEN, "savia_score": "70.0", "savia_next_action": "Esperar\r\n"}
    assert edits(kept, remembered()) == {}


def test_the_plan_leaves_an_edit_alone_reports_it_and_writes_the_rest() -> None:
    before, after = desired(1, 65), desired(1, 85)
    held = contact(before, savia_band="unqualified")
    memory = Memory(held.contact_id, contact(before).properties)
    past = Past(frozenset(), frozenset(), 1, 60, memories={1: memory})
    plan = make_plan([after], {held.contact_id: held}, past, MAPPING, WIDE, NOW, gate=OPEN)
    (change,) = [change for change in plan.changes if isinstance(change, SetProperties)]
    assert "savia_band" not in change.properties
    assert change.properties["savia_score"] == "85"
    found = [(item.subject, item.value) for item in plan.withheld if item.reason == "human_edit"]
    assert found == [("savia_band", "unqualified")]


values = st.dictionaries(st.sampled_from(sorted(WANTED)), st.sampled_from(["", "1", "85", "hot", "Llamar"]))


@given(values, values, values)
def test_an_edit_is_always_a_value_that_stands_there_and_is_not_what_we_want(
    held: dict[str, str], written: dict[str, str], known: dict[str, str]
) -> None:
    for name, value in edits(held, Memory("1", written, known)).items():
        assert value == held[name] != ""
        assert value != WANTED[name]
