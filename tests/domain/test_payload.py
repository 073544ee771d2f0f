"""Fields read by a layout worked out once are those that are read one path at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadRecord
from app.domain.payload import as_text, lay_out, read_fields, value_at

PATHS = ["a", "b", "c?", "p.a", "p.b", "p.q.a", "p.b | a", "q.a | p.a | b", "p.q.a?"]
WORTH = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just(" x\t") | st.just(1.5)
NAMES = st.sampled_from(["a", "b", "c", "p", "q"])
PAYLOADS = st.recursive(
    st.dictionaries(NAMES, WORTH), lambda inner: st.dictionaries(NAMES, WORTH | inner), max_leaves=6
)


def one_at_a_time(payload: dict[str, Any], fields: dict[str, str]) -> dict[str, str]:
    found = {name: value_at(payload, path) for name, path in fields.items()}
    return {name: as_text(value, at) for name, (at, value) in found.items() if value is not None}


def attempt(read: Any) -> Any:
    try:
        return read()
    except BadRecord:
        return "refused"


@given(PAYLOADS, st.dictionaries(st.text(min_size=1, max_size=3), st.sampled_from(PATHS), max_size=9))
def test_all_at_once_or_one_at_a_time_is_the_same(payload: dict[str, Any], fields: dict[str, str]) -> None:
    at_once = attempt(lambda: read_fields(payload, lay_out(fields)))
    assert at_once == attempt(lambda: one_at_a_time(payload, fields))


def test_absent_is_left_out_and_empty_is_empty() -> None:
    layout = lay_out({"one": "p.a", "other": "p.b", "third": "p.c"})
    assert read_fields({"p": {"a": None, "b": ""}}, layout) == {"one": "", "other": ""}


def test_what_cannot_be_text_is_named_by_its_path() -> None:
    with pytest.raises(BadRecord) as refused:
        read_fields({"p": {"a": [1]}}, lay_out({"one": "p.a"}))
    assert refused.value.path == "p.a"
