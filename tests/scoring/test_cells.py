"""What a cell says, in the forms exports write it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadConfig
from app.domain.scoring.cells import date_order, decimal_mark, is_missing, read_date, read_number
from app.domain.scoring.kinds import infer_columns
from app.domain.scoring.outcome import read_outcome
from tests.scoring.worlds import table_of


@pytest.mark.parametrize("cell", ["", "  ", "Select", "SELECT", "(not set)", "NaN", "N/A", "--"])
def test_the_words_for_nothing_are_missing(cell: str) -> None:
    assert is_missing(cell)


@pytest.mark.parametrize("cell", ["0", "No", "Other", "(none)", "None of these"])
def test_a_value_is_not_missing(cell: str) -> None:
    assert not is_missing(cell)


@pytest.mark.parametrize(
    ("cells", "mark", "values"),
    [
        (["1.5", "2", "1e3"], ".", [1.5, 2, 1000]),
        (["1,5", "2", "0,25"], ",", [1.5, 2, 0.25]),
        (["1.234,50", "12,3"], ",", [1234.5, 12.3]),
        (["1,234.50", "12.3"], ".", [1234.5, 12.3]),
        (["1.234", "980", "12"], ",", [1234, 980, 12]),
        (["1,234", "980", "12"], ".", [1234, 980, 12]),
        (["0.125", "980", "12"], ".", [0.125, 980, 12]),
        (["€ 12,50", "3,00 €"], ",", [12.5, 3]),
        (["0,125", "1", "0,500", "-0,875", "2"], ",", [0.125, 1, 0.5, -0.875, 2]),
        (["0.125", "1", "0.500", "-0.875", "2"], ".", [0.125, 1, 0.5, -0.875, 2]),
        (["12 %", "-3%"], ".", [12, -3]),
    ],
)
def test_either_decimal_mark_is_read(cells: list[str], mark: str, values: list[float]) -> None:
    assert decimal_mark(cells) == mark
    assert [read_number(cell, mark) for cell in cells] == values


@pytest.mark.parametrize(
    "cells", [["a", "b"], ["1.2.3", "4"], ["02.Medium", "01.High"], ["12:30"], ["2024-01-02"]]
)
def test_what_is_no_number_has_no_decimal_mark(cells: list[str]) -> None:
    assert decimal_mark(cells) is None


MOMENT = datetime(2026, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "hours"),
    [
        ("2026-08-30", 0),
        ("2026-08-30T11:05:00Z", 11 + 5 / 60),
        ("2026-08-30 11:05", 11 + 5 / 60),
        ("2026-08-30T11:05:00+02:00", 9 + 5 / 60),
        ("30/08/2026", 0),
        ("30.08.2026 11:05", 11 + 5 / 60),
        ("08/30/2026 11:05:00 PM", 23 + 5 / 60),
        ("Aug 30, 2026", 0),
        ("30 ago 2026", 0),
        ("30 de agosto de 2026", 0),
        ("1788048000000", 0),
    ],
)
def test_dates_are_read_in_several_forms(cell: str, hours: float) -> None:
    order = date_order([cell])
    assert order is not None
    days = read_date(cell, order)
    assert days == pytest.approx((MOMENT.timestamp() / 3600 + hours) / 24)


def test_day_and_month_are_told_apart_by_the_whole_column() -> None:
    assert date_order(["03/04/2026", "25/04/2026"]) == "dmy"
    assert date_order(["03/04/2026", "04/25/2026"]) == "mdy"
    assert date_order(["03/04/2026", "05/04/2026"]) == "dmy"
    assert date_order(["03/04/2026 10:00 AM", "05/04/2026 10:00 PM"]) == "mdy"


@given(st.floats(-1e9, 1e9, allow_nan=False), st.sampled_from([".", ","]))
def test_a_written_number_is_read_back(value: float, mark: str) -> None:
    assert read_number(f"{value:.4f}".replace(".", mark), mark) == pytest.approx(value, abs=1e-4)


def kinds(cells: list[str], name: str = "x") -> str:
    return infer_columns(table_of({name: cells}))[0].kind


def test_ids_stay_text() -> None:
    assert kinds(["00123", "00456", "00123"] * 20) == "category"
    assert kinds([f"{10**16 + row}" for row in range(100)]) == "identifier"
    assert kinds([f"{1_000_000 + row}.{7_000_000 + row}" for row in range(100)]) == "identifier"
    assert kinds([f"{579_533 + row}" for row in range(100)]) == "identifier"
    assert kinds([str(row % 4) for row in range(100)], "campaign_id") == "category"


def test_kinds_are_told_by_the_cells() -> None:
    assert kinds(["1", "2", "", "3.5"] * 20) == "number"
    assert kinds(["30/08/2026", "", "31/08/2026"] * 20) == "date"
    assert kinds(["Yes", "No"] * 20) == "category"
    assert kinds(["No"] * 20) == "constant"
    assert kinds(["Select"] * 20) == "constant"
    assert kinds([f"a note about {row}" if row % 3 else "" for row in range(100)]) == "text"


def test_a_mapping_overrules_the_kind_and_names_its_faults() -> None:
    table = table_of({"x": ["1", "2"] * 20})
    assert infer_columns(table, {"x": "category"})[0].kind == "category"
    with pytest.raises(BadConfig) as raised:
        infer_columns(table, {"y": "number", "x": "colour"})
    assert len(raised.value.faults) == 2


@pytest.mark.parametrize(
    ("cells", "positive", "converted"),
    [
        (["1", "0", "1"], None, [1, 0, 1]),
        (["TRUE", "FALSE", "FALSE"], None, [1, 0, 0]),
        (["Sí", "No", "No"], None, [1, 0, 0]),
        (["Won", "Lost", "Open"], "won", [1, 0, 0]),
        (["1.0", "0.0", "1.0"], "1", [1, 0, 1]),
        (["2026-01-02", "", "2026-01-05"], None, [1, 0, 1]),
        (["Customer", "", ""], None, [1, 0, 0]),
    ],
)
def test_the_outcome_is_read(cells: list[str], positive: str | None, converted: list[int]) -> None:
    assert read_outcome(table_of({"o": cells}), "o", positive).converted.tolist() == [
        bool(one) for one in converted
    ]


def test_a_row_whose_outcome_is_not_known_is_left_out() -> None:
    outcome = read_outcome(table_of({"o": ["1", "", "0", "1"]}), "o")
    assert np.array_equal(outcome.rows, [0, 2, 3])


@pytest.mark.parametrize("cells", [["a", "b"], ["1", "1"], ["", ""], ["Won", "Lost", "Open"]])
def test_an_outcome_that_leaves_doubt_is_refused(cells: list[str]) -> None:
    with pytest.raises(BadConfig):
        read_outcome(table_of({"o": cells}), "o")
