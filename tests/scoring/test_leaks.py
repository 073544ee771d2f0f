"""The leak guard: leaks are refused, an honest column is kept however much it dominates."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from app.domain.scoring.columns import Cells, filled
from app.domain.scoring.kinds import infer_columns
from app.domain.scoring.leak_evidence import Evidence
from app.domain.scoring.leaks import Verdict, find_leaks
from app.domain.scoring.repeats import leads_of
from app.domain.scoring.vocabulary import learn_vocabulary
from tests.scoring.worlds import history, table_of

SIZES = [(300, 0.4), (800, 0.15), (2500, 0.06), (5000, 0.25)]


def verdict(
    columns: dict[str, Cells],
    converted: NDArray[np.bool_],
    *,
    accepted: tuple[str, ...] = (),
    **days: NDArray[np.float64],
) -> Verdict:
    table = table_of(columns)
    vocabulary = learn_vocabulary(table, infer_columns(table))
    said = {name: filled(cells) for name, cells in columns.items()}
    evidence = Evidence(
        vocabulary, vocabulary.matrix(table), converted.astype(float), said, leads_of(table, ()), 0, **days
    )
    return find_leaks(evidence, accepted)


def refused(found: Verdict) -> list[str]:
    return [finding.column for finding in found.refused]


def suspect(found: Verdict) -> list[str]:
    return [finding.column for finding in found.suspect]


@pytest.mark.parametrize(("rows", "rate"), SIZES)
@pytest.mark.parametrize("seed", [1, 2])
def test_an_honest_dominant_number_is_kept(rows: int, rate: float, seed: int) -> None:
    columns, converted, _ = history(rows, rate, seed, strength=0.85, others=0.5)
    assert refused(verdict(columns, converted)) == []


@pytest.mark.parametrize(("rows", "rate"), SIZES)
def test_an_honest_dominant_category_is_kept(rows: int, rate: float) -> None:
    columns, converted, chance = history(rows, rate, 3, strength=0.4)
    honest = np.where(
        converted,
        chance.choice(4, rows, p=[0.6, 0.2, 0.1, 0.1]),
        chance.choice(4, rows, p=[0.1, 0.2, 0.3, 0.4]),
    )
    columns["last activity"] = [f"L{one}" for one in honest]
    assert refused(verdict(columns, converted)) == []


def test_an_honest_column_as_strong_as_its_peers_together_are_not_is_kept() -> None:
    chance = np.random.default_rng(5)
    parts = chance.normal(size=(3000, 4))
    margin = 3.0 * parts.sum(axis=1) + 2.2 * parts[:, 0]
    converted = chance.random(3000) < 1 / (1 + np.exp(-margin))
    columns: dict[str, Cells] = {f"c{place}": parts[:, place] for place in range(4)}
    columns["total"] = parts.sum(axis=1) + 0.3 * chance.normal(size=3000)
    assert "c0" not in refused(verdict(columns, converted))


@pytest.mark.parametrize(("rows", "rate"), SIZES)
def test_a_stage_set_by_sales_and_an_amount_paid_are_both_refused(rows: int, rate: float) -> None:
    columns, converted, chance = history(rows, rate, 4, strength=0.7)
    known = chance.random(rows) < 0.85
    columns["stage"] = [
        ("Closed" if won else "Lost") if told else "Open" for won, told in zip(converted, known, strict=True)
    ]
    columns["paid"] = np.where(converted & (chance.random(rows) < 0.9), chance.exponential(100, rows), 0.0)
    found = verdict(columns, converted)
    assert set(refused(found)) == {"stage", "paid"}
    assert all("\n" not in finding.reason for finding in found.refused)


def test_an_accepted_column_is_kept_and_named() -> None:
    columns, converted, chance = history(1500, 0.3, 4, strength=0.7)
    columns["paid"] = np.where(converted & (chance.random(1500) < 0.9), 100 * chance.random(1500), 0.0)
    found = verdict(columns, converted, accepted=("paid",))
    assert refused(found) == []
    assert "paid" in suspect(found)


def test_a_column_whose_mere_presence_predicts_is_suspect() -> None:
    columns, converted, chance = history(2000, 0.3, 6, strength=0.5)
    there = chance.random(2000) < np.where(converted, 0.6, 0.2)
    columns["budget"] = ["Low" if chance.random() < 0.5 else "High" if told else "" for told in there]
    columns["budget"] = [cell if told else "" for cell, told in zip(columns["budget"], there, strict=True)]
    found = verdict(columns, converted)
    assert refused(found) == []
    assert "merely being filled in" in next(one.reason for one in found.suspect if one.column == "budget")


def dates(days: NDArray[np.float64]) -> list[str]:
    first = date(2026, 1, 1)
    return ["" if np.isnan(day) else (first + timedelta(days=int(day))).isoformat() for day in days]


@pytest.mark.parametrize(("rows", "rate"), [(800, 0.15), (2500, 0.06), (5000, 0.25)])
def test_what_a_part_of_the_converters_alone_has_is_suspect_whatever_its_kind(rows: int, rate: float) -> None:
    columns, converted, chance = history(rows, rate, 6)
    some = converted & (chance.random(rows) < 0.4)
    columns["invoice"] = [f"F-{place}" if has else "" for place, has in enumerate(some)]
    columns["paid"] = [str(100 + place % 7) if has else "0" for place, has in enumerate(some)]
    columns["closed because"] = ["signed" if has else "open" for has in some]
    lost = ~converted & (chance.random(rows) < 0.5)
    columns["lost because"] = ["price" if has else "" for has in lost]
    found = verdict(columns, converted)
    assert {"invoice", "paid", "closed because", "lost because"} <= {*suspect(found), *refused(found)}
    told = {finding.column: finding.reason for finding in found.suspect}
    assert not told or any("such columns" in reason for reason in told.values())


@pytest.mark.parametrize(("rows", "rate"), SIZES)
@pytest.mark.parametrize("seed", [1, 2])
def test_honest_columns_are_not_suspect(rows: int, rate: float, seed: int) -> None:
    columns, converted, chance = history(rows, rate, seed)
    columns["visits"] = [str(max(0, int(one))) for one in chance.normal(0.2, 1.2, rows)]
    columns["source"] = [f"S{one}" for one in chance.geometric(0.3, rows)]
    columns["phone"] = ["yes" if one else "" for one in chance.random(rows) < 0.3]
    assert {*suspect(verdict(columns, converted))} <= {"minutes"}  # strong alone, and named for it


@pytest.mark.parametrize("converters", [0, 1, 4])
def test_where_hardly_anybody_converted_no_column_is_judged(converters: int) -> None:
    converted = np.arange(60) < converters
    columns = {"paid": ["yes" if one else "no" for one in converted], "visits": [str(n) for n in range(60)]}
    assert verdict(columns, converted) == Verdict((), ())
    assert verdict(columns, ~converted) == Verdict((), ())


def test_a_date_after_the_conversion_is_refused() -> None:
    columns, converted, chance = history(1000, 0.3, 7, strength=0.5)
    start = (date(2026, 1, 1) - date(1970, 1, 1)).days
    ended = np.where(converted, chance.integers(0, 90, 1000).astype(float), np.nan)
    some = chance.random(1000) < 0.2
    columns["invoiced"] = dates(np.where(some & converted, ended + 3, np.nan))
    columns["visited"] = dates(np.where(some, np.nan_to_num(ended, nan=50.0) - 3, np.nan))
    found = verdict(columns, converted, ended=ended + start)
    assert refused(found) == ["invoiced"]


def test_a_later_date_that_only_conversions_have_is_refused_where_the_time_is_known() -> None:
    columns, converted, chance = history(1000, 0.3, 8, strength=0.5)
    start = (date(2026, 1, 1) - date(1970, 1, 1)).days
    entered = chance.integers(0, 90, 1000).astype(float)
    some = chance.random(1000) < 0.3
    columns["onboarded"] = dates(np.where(some & converted, entered + 20, np.nan))
    columns["attended"] = dates(np.where(some, entered + 5, np.nan))
    assert refused(verdict(columns, converted, entered=entered + start)) == ["onboarded"]
    assert refused(verdict(columns, converted)) == []


def dated_history(seed: int = 9) -> tuple[dict[str, Cells], NDArray[np.bool_], np.random.Generator]:
    """1,000 leads, of whom 97 in 100 converters have the day on which they did, and hardly anybody else."""
    columns, converted, chance = history(1000, 0.3, seed, strength=0.5)
    told = np.where(converted, chance.random(1000) < 0.97, chance.random(1000) < 0.01)
    won = np.where(told, chance.integers(10, 90, 1000).astype(float), np.nan)
    columns["closed"] = dates(won)
    return {**columns, "_won": won}, converted, chance


def test_a_date_that_converters_alone_have_is_the_moment_and_what_comes_after_it_is_refused() -> None:
    columns, converted, chance = dated_history()
    won = columns.pop("_won")
    some = chance.random(1000) < 0.7
    columns["welcomed"] = dates(np.where(some, np.nan_to_num(won, nan=60.0) + 2, np.nan))
    signed = some & ~np.isnan(won)
    columns["contract"] = [f"form {row % 3}" if said else "" for row, said in enumerate(signed)]
    found = {one.column: one.reason for one in verdict(columns, converted).refused}
    assert list(found) == ["closed", "welcomed", "contract"]
    assert "the moment of the outcome" in found["closed"]
    assert "come after closed" in found["welcomed"]
    assert "only where closed" in found["contract"]


def test_beside_the_moment_of_the_outcome_honest_columns_are_kept() -> None:
    columns, converted, chance = dated_history()
    won = columns.pop("_won")
    won = np.where(np.isnan(won), chance.integers(10, 90, 1000), won)
    some = chance.random(1000) < 0.6
    columns["signed up"] = dates(won)  # many convert on the very day they come
    columns["attended"] = dates(np.where(some, won - chance.integers(1, 9, 1000), np.nan))
    columns["wished start"] = dates(np.where(some, won + chance.integers(-30, 60, 1000), np.nan))
    columns["budget"] = ["high" if said else "" for said in chance.random(1000) < 0.2 + 0.4 * converted]
    assert refused(verdict(columns, converted)) == ["closed"]
    accepted = verdict(columns, converted, accepted=("closed",))
    assert refused(accepted) == []
