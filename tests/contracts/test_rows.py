"""Every row of the fact sheet is covered by tests that exist, or has a reason why it is not."""

from __future__ import annotations

import pytest

from tests.contracts.rows import SHEET, covered, named_tests, not_covered, rows_of


@pytest.mark.parametrize("name", sorted({name for names in covered().values() for name in names}))
def test_what_is_named_as_covering_a_row_exists(name: str) -> None:
    assert named_tests(name), f"rows.toml names {name}: no such test"


def test_no_row_is_said_to_be_both() -> None:
    assert covered().keys() & not_covered().keys() == set()


@pytest.mark.skipif(not SHEET.is_file(), reason="the fact sheet is not beside the repository")
def test_every_row_is_covered_or_has_a_reason() -> None:
    rows = {row.row_id: row.text for row in rows_of(SHEET.read_text("utf-8"))}
    told = {**covered(), **not_covered()}
    assert [f"{row_id} {text[:60]}" for row_id, text in rows.items() if row_id not in told] == []
    assert sorted(told.keys() - rows.keys()) == [], "rows.toml names rows that are not there"


def test_rows_are_counted_within_their_section_and_heads_of_tables_are_none() -> None:
    table = "| Head | x |\n|---|---|\n| b | y |"
    sheet = f"- before\n## 1. One\n- a\ntext\n{table}\n### 1.10b Two\n- c"
    found = [(row.row_id, row.text) for row in rows_of(sheet)]
    assert found == [("1/1", "a"), ("1/2", "b | y"), ("1.10b/1", "c")]
