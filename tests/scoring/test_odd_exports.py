"""What exports hold that no file should: mistyped days, null dates, leads on several lines, copied marks."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.domain.errors import BadConfig
from app.domain.scoring.another_file import vocabulary_for
from app.domain.scoring.cells import is_missing, read_date
from app.domain.scoring.columns import Cells
from app.domain.scoring.folds import FOLDS, forward_folds, grouped_folds, shuffled_folds, without_tested
from app.domain.scoring.kinds import infer_columns
from app.domain.scoring.learners import Learner
from app.domain.scoring.metrics import auc
from app.domain.scoring.outcome import read_outcome, within_horizon
from app.domain.scoring.repeats import leads_of, same_lines
from app.domain.scoring.selection import margins_apart
from app.domain.scoring.training import Training, TrainingOptions, train
from app.domain.scoring.vocabulary import learn_vocabulary
from app.domain.standing import SEED_BANDS, BandLimits
from tests.scoring.worlds import as_text, history, table_of

TODAY = (date(2026, 8, 30) - date(1970, 1, 1)).days


def day(number: float) -> str:
    return str(date(1970, 1, 1) + timedelta(days=int(number)))


def learnt(columns: dict[str, Any], **options: Any) -> Training:
    return train(table_of(columns), TrainingOptions("won", **options), lambda _: None)


def yes(converted: NDArray[np.bool_]) -> list[str]:
    return ["yes" if one else "no" for one in converted]


# --- numbers ------------------------------------------------------------------------------------------------


def test_a_fraction_below_one_is_no_thousand_to_a_model_that_learnt_the_other_mark() -> None:
    known = table_of({"a": [f"{one / 100:.2f}" for one in range(300)]})
    new = table_of({"a": ["0,500", "1"]})
    found = vocabulary_for(learn_vocabulary(known, infer_columns(known)), new)
    assert found.matrix(new).tolist() == [[0.5], [1.0]]


# --- the outcome --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["2", "3", "lost", "-1", "false"])
def test_a_one_beside_another_value_than_nought_is_asked_about(other: str) -> None:
    with pytest.raises(BadConfig, match="--positive"):
        read_outcome(table_of({"o": ["1"] * 90 + [other] * 10}), "o")
    assert read_outcome(table_of({"o": ["1"] * 9 + [other]}), "o", other).converted.sum() == 1


def test_a_one_beside_nought_or_blanks_is_a_conversion() -> None:
    for other in ("0", "", "0.0", "n/a"):
        assert read_outcome(table_of({"o": ["1", "1", other, "0"]}), "o").converted.sum() == 2


NO_DAYS = [
    "0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "1753-01-01", "1899-12-30", "1900-01-01",
    "1900-01-01 00:00:00", "9999-12-31", "9999-12-31T23:59:59-05:00",
]  # fmt: skip


@pytest.mark.parametrize("nothing", NO_DAYS)
def test_days_that_stand_for_none_are_no_conversions(nothing: str) -> None:
    cells = [nothing] * 90 + [f"2023-05-{one:02d}" for one in range(1, 11)] + [""] * 5
    assert np.flatnonzero(read_outcome(table_of({"o": cells}), "o").converted).tolist() == list(
        range(90, 100)
    )


@pytest.mark.parametrize(
    "nothing", ["01/01/0001 00:00:00", "1/1/0001 12:00:00 AM", "31/12/9999", "01/01/1900"]
)
def test_days_that_stand_for_none_are_known_in_another_order(nothing: str) -> None:
    cells = [nothing] * 20 + [f"{one}/05/2023" for one in range(14, 24)]
    assert read_outcome(table_of({"o": cells}), "o").converted.sum() == 10


def test_a_year_of_four_digits_is_read_as_it_stands() -> None:
    assert is_missing("0001-01-01")
    assert read_date("0001-01-01", "ymd") is None
    assert read_date("1899-12-30", "ymd") is None
    assert read_date("9999-12-31T23:59:59-05:00", "ymd") == pytest.approx(2932897.2, abs=0.1)


def test_what_was_taken_as_a_conversion_is_told() -> None:
    cells = ["Won" if row % 3 else "Lost" for row in range(30)]
    assert learnt({"x": [str(row) for row in range(30)], "won": cells}).positive == "Won"


# --- mistyped days ------------------------------------------------------------------------------------------


@given(st.lists(st.integers(TODAY + 1, TODAY + 30_000), max_size=9), st.integers(1, 200))
def test_days_after_today_do_not_move_the_horizon(later: list[int], horizon: int) -> None:
    entered = np.array([*range(TODAY - 300, TODAY), *later], dtype=float)
    outcome = read_outcome(table_of({"o": [str(int(row % 5 == 0)) for row in range(len(entered))]}), "o")
    kept = within_horizon(outcome, entered, horizon, TODAY)
    assert kept.rows.tolist() == list(range(300 - horizon))


def dated(rows: int, **typed: str) -> dict[str, Any]:
    """Leads that came over the last 50 weeks; `typed`: what some rows ("row7") say instead."""
    columns, converted, chance = history(rows, 0.4, 4)
    came = [day(one) for one in np.sort(chance.integers(TODAY - 350, TODAY, rows))]
    for row, text in typed.items():
        came[int(row.removeprefix("row"))] = text
    return {**as_text(columns), "came": came, "won": yes(converted)}


@pytest.mark.parametrize("typo", ["2099-01-01", "1926-01-01"])
def test_one_mistyped_year_neither_moves_the_bands_nor_goes_untold(typo: str) -> None:
    bands = BandLimits(SEED_BANDS.published, capacity=1)
    starts, told = [], []
    for typed in ({}, {"row7": typo}):
        training = learnt(dated(200, **typed), time="came", bands=bands, today=TODAY)
        assert training.model is not None
        starts.append(training.model.report["band_starts"])
        told.append(training.dated_later)
    assert starts[1]["hot"] == pytest.approx(starts[0]["hot"], abs=0.15)
    assert starts[1]["hot"] > starts[1]["warm"] > starts[1]["cold"]
    assert told == [0, int(typo == "2099-01-01")]
    assert learnt(dated(200, row7=typo), time="came", horizon_days=60, today=TODAY).dated_later == told[1]


# --- days without an hour -----------------------------------------------------------------------------------


def won_on() -> tuple[dict[str, Cells], NDArray[np.bool_]]:
    """The outcome is a date; six in ten who convert do so on the day they come."""
    chance = np.random.default_rng(0)
    converted = chance.random(1000) < 0.3
    came = chance.integers(TODAY - 700, TODAY - 50, 1000)
    lag = np.where(chance.random(1000) < 0.6, 0, chance.integers(1, 40, 1000))
    days = {
        "First seen": [day(one) for one in came],
        "Opened at": [f"{day(one)} 10:30" for one in came],
        "Invoiced": [day(one) if hit else "" for one, hit in zip(came + lag + 2, converted, strict=True)],
        "x": [f"{one:.2f}" for one in chance.normal(size=1000)],
        "won": [day(one) if hit else "" for one, hit in zip(came + lag, converted, strict=True)],
    }
    return days, converted


def test_on_the_day_of_the_conversion_is_not_after_it() -> None:
    columns, _ = won_on()
    assert {finding.column for finding in learnt(columns).verdict.refused} == {"Invoiced"}


# --- leads on several lines ---------------------------------------------------------------------------------


def noise_in_triplicate(leads: int) -> dict[str, Any]:
    """Columns that say nothing, each lead on three lines."""
    chance = np.random.default_rng(0)
    columns = {f"c{place}": [f"{one:.3f}" for one in chance.normal(size=leads)] for place in range(4)}
    columns["won"] = yes(chance.random(leads) < 0.3)
    columns["lead"] = [f"lead {row}" for row in range(leads)]
    return {name: [cell for cell in cells for _ in range(3)] for name, cells in columns.items()}


def test_leads_on_three_lines_make_noise_no_better_and_count_once() -> None:
    training = learnt(noise_in_triplicate(300), ids=("lead",))
    assert training.model is not None
    assert (training.rows, training.leads) == (900, 300)
    assert training.rarer * 3 == training.conversions
    assert training.model.report["model"] == "logistic"  # 84 leads converted, though 252 rows did
    interval = training.model.report["interval"]
    assert interval["low"] < 0.5
    assert interval["high"] - interval["low"] > 0.12  # as wide as of 300 rows, not of 900
    assert training.verdict.refused == ()
    assert learnt(noise_in_triplicate(100), ids=("lead",)).model is None


def test_no_learner_finds_noise_again_in_another_line_of_the_lead() -> None:
    columns = noise_in_triplicate(600)
    converted = np.array([float(one == "yes") for one in columns["won"]])
    table = table_of({name: columns[name] for name in ("c0", "c1", "c2", "c3")})
    vocabulary = learn_vocabulary(table, infer_columns(table))
    boosting = Learner("boosting", "boosting", {"max_iter": 60, "max_leaf_nodes": 20, "min_samples_leaf": 15})
    reached = []
    for leads in (leads_of(table_of(columns), ("lead",)), leads_of(table, ())):
        folds = grouped_folds(converted, leads, 0)
        margin = margins_apart(boosting, vocabulary, vocabulary.matrix(table), converted, folds, 0)
        reached.append(auc(converted, margin))
    assert reached[0] == pytest.approx(0.5, abs=0.08)
    assert reached[1] > 0.8  # what it would seem to reach


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=20, max_size=90), st.integers(0, 9))
def test_a_lead_learns_or_is_tested_never_both(rows: list[tuple[int, bool]], seed: int) -> None:
    leads = np.unique([lead for lead, _ in rows], return_inverse=True)[1].astype(np.intp)
    converted = np.array([float(hit) for _, hit in rows])
    shuffled = grouped_folds(converted, leads, seed)
    assert len(shuffled) == FOLDS
    assert sorted(np.concatenate([test for _, test in shuffled])) == list(range(len(rows)))
    forward = without_tested(forward_folds(converted, np.arange(len(rows), dtype=float)), converted, leads)
    for learn, test in (*shuffled, *forward):
        assert not set(leads[learn]) & set(leads[test])


@given(st.lists(st.booleans(), min_size=10, max_size=60), st.integers(0, 9))
def test_where_each_row_is_a_lead_folds_are_as_they_were(hits: list[bool], seed: int) -> None:
    converted = np.array(hits, dtype=float)
    alone = np.arange(len(hits))
    pairs = zip(grouped_folds(converted, alone, seed), shuffled_folds(converted, seed), strict=True)
    assert all(np.array_equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


def test_rows_are_one_leads_by_any_of_its_ids_but_not_by_a_word_for_nobody() -> None:
    mails = ["a@example.com", "A@example.com ", "b@example.com", "", "", "c@example.com"]
    table = table_of({"mail": mails, "deal": ["1", "2", "2", "3", "4", "n/a"]})
    assert leads_of(table, ("mail", "deal")).tolist() == [0, 0, 0, 1, 2, 3]
    assert leads_of(table, ()).tolist() == [0, 1, 2, 3, 4, 5]
    owner = table_of({"owner": ["unknown" if row % 2 else str(row) for row in range(60)]})
    assert leads_of(owner, ("owner",)).max() == 59


def test_lines_that_are_the_same_to_the_last_cell_are_counted() -> None:
    assert same_lines(table_of({"a": ["1", "1", "1", "2"], "b": ["x", "x", "y", "x"]})) == 1
