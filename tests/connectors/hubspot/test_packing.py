"""Batches hold no subject twice, and each change gets exactly one outcome, its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.changes import FOR_THE_MOMENT, SetProperties
from app.domain.errors import BadRecord, TryLater
from connectors.hubspot.packing import batches, chunks, judged, trace, write_batch

ids = st.lists(st.integers(0, 30).map(str), max_size=60)


def change(position: int, contact_id: str) -> SetProperties:
    return SetProperties(f"set:{position}", position, contact_id, {"savia_score": str(position)})


def no_pause() -> None:
    raise AssertionError("nothing was to be waited for")


def subject(each: SetProperties) -> str:
    return each.contact_id


@given(contact_ids=ids, size=st.integers(1, 10))
def test_batches_keep_the_order_the_size_and_no_twins(contact_ids: list[str], size: int):
    changes = [change(*item) for item in enumerate(contact_ids)]
    packed = list(batches(changes, size, subject))
    assert [each for batch in packed for each in batch] == changes
    assert all(len({each.contact_id for each in batch}) == len(batch) <= size for batch in packed)


@given(items=st.lists(st.integers()), size=st.integers(1, 9))
def test_chunks_lose_nothing(items: list[int], size: int):
    assert [each for chunk in chunks(items, size) for each in chunk] == items


@given(
    contact_ids=st.lists(st.integers(0, 200).map(str), min_size=1, max_size=100, unique=True),
    poison=st.sets(st.integers(0, 200).map(str), max_size=4),
)
def test_a_batch_refused_whole_rejects_only_the_bad_ones(contact_ids: list[str], poison: set[str]) -> None:
    changes = [change(*item) for item in enumerate(contact_ids)]

    def send(batch: Sequence[SetProperties]) -> dict:
        if any(each.contact_id in poison for each in batch):
            raise BadRecord("request", "VALIDATION_ERROR")
        return {"results": [{"id": each.contact_id} for each in batch]}

    outcomes = [outcome for _, outcome in write_batch(changes, send, subject, no_pause)]
    assert [outcome.key for outcome in outcomes] == [each.key for each in changes]
    rejected = {outcome.key for outcome in outcomes if outcome.status == "rejected"}
    assert rejected == {each.key for each in changes if each.contact_id in poison}


def test_a_property_that_the_portal_lacks_costs_one_more_call_and_rejects_those_who_set_it():
    changes = [
        SetProperties(
            f"set:{place}", place, str(place), {"savia_score": "1"} | ({"gone": "1"} if place % 3 else {})
        )
        for place in range(100)
    ]
    calls = []

    def send(batch: Sequence[SetProperties]) -> dict:
        calls.append(len(batch))
        if any("gone" in each.properties for each in batch):
            raise BadRecord("properties.gone", "VALIDATION_ERROR: gone PROPERTY_DOESNT_EXIST")
        return {"results": [{"id": each.contact_id} for each in batch]}

    outcomes = {
        change.key: outcome.status for change, outcome in write_batch(changes, send, subject, no_pause)
    }
    assert calls == [100, 34]
    assert outcomes == {each.key: "rejected" if "gone" in each.properties else "done" for each in changes}


@pytest.mark.parametrize("category", ["RATE_LIMITS", "INTERNAL_ERROR"])
@pytest.mark.parametrize(("still", "status"), [(False, "done"), (True, "rejected")])
def test_what_hubspot_could_not_take_at_the_moment_is_sent_once_more(category: str, still: bool, status: str):
    changes = [change(position, str(100 + position)) for position in range(3)]
    sent = []

    def send(batch: Sequence[SetProperties]) -> dict:
        sent.append([each.contact_id for each in batch])
        if len(sent) == 2 and not still:
            return {"results": [{"id": each.contact_id} for each in batch]}
        busy = {"category": category, "context": {"ids": ["101"]}}
        return {"results": [{"id": each} for each in sent[-1] if each != "101"], "errors": [busy]}

    paused: list[int] = []
    judgements = list(write_batch(changes, send, subject, lambda: paused.append(len(sent))))
    assert sent == [["100", "101", "102"], ["101"]]
    assert paused == [1], "between the two"
    assert {each.contact_id: outcome.status for each, outcome in judgements} == {
        "100": "done",
        "101": status,
        "102": "done",
    }
    assert all(outcome.reason.startswith(FOR_THE_MOMENT) for _, outcome in judgements if outcome.reason)


def test_what_was_judged_before_the_rest_must_wait_stands():
    changes = [change(position, str(position)) for position in range(4)]

    def send(batch: Sequence[SetProperties]) -> dict:
        if len(batch) > 1 and batch[0].contact_id == "0":
            raise BadRecord("request", "VALIDATION_ERROR")
        if batch[0].contact_id == "2":
            raise TryLater("busy")
        return {"results": []}

    seen = []
    judgements = write_batch(changes, send, subject, no_pause)
    with pytest.raises(TryLater):
        seen.extend(outcome.key for _, outcome in judgements)
    assert seen == ["set:0", "set:1"]


def test_an_error_is_matched_by_trace_id_first_then_by_record_id():
    changes = [change(position, str(100 + position)) for position in range(3)]
    answer = {
        "results": [{"id": "102"}],
        "errors": [
            {"category": "VALIDATION_ERROR", "context": {"objectWriteTraceId": [trace(0)], "ids": ["102"]}},
            {"category": "OBJECT_NOT_FOUND", "context": {"ids": ["101"]}},
        ],
    }
    reasons = [outcome.reason for _, outcome in judged(changes, answer, subject)]
    assert reasons == ["VALIDATION_ERROR", "OBJECT_NOT_FOUND", ""]


def test_an_error_that_names_nobody_falls_on_those_without_a_result():
    changes = [change(position, str(100 + position)) for position in range(3)]
    answer = {"results": [{"id": "100"}, {"id": "102"}], "errors": [{"category": "VALIDATION_ERROR"}]}
    statuses = [outcome.status for _, outcome in judged(changes, answer, subject)]
    assert statuses == ["done", "rejected", "done"]
