"""History -> model: leak guard, honest choice, calibration, and a report that says how good it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from math import inf

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.calibration import (
    Split,
    calibrated_apart,
    choose_calibration,
    fit_calibration,
)
from app.domain.scoring.columns import Column, Floats, Table, filled, read_values
from app.domain.scoring.drift import Profile, profile_of
from app.domain.scoring.folds import forward_calibration, forward_folds, grouped_folds, without_tested
from app.domain.scoring.kinds import infer_columns
from app.domain.scoring.leak_evidence import Evidence
from app.domain.scoring.leaks import Verdict, find_leaks
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.outcome import Outcome, read_outcome, within_horizon
from app.domain.scoring.quality import quality_report, weeks_of
from app.domain.scoring.receipt import settled
from app.domain.scoring.repeats import Groups, converted_leads, leads_of
from app.domain.scoring.selection import FULL_CHOICE_CONVERSIONS, choose, learners_for
from app.domain.scoring.vocabulary import Vocabulary, learn_vocabulary
from app.domain.standing import SEED_BANDS, BandLimits

FEWEST_FORWARD_FOLDS = 3


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What the operator says: outcome's conversion value, time and id columns, columns out or in, kinds;
    where the bands begin that the report counts; after how many days an outcome is known (None: it is);
    `today` in days since 1970: what is dated later is a typing error.
    """

    outcome: str
    positive: str | None = None
    time: str | None = None
    ids: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    bands: BandLimits = SEED_BANDS
    horizon_days: int | None = None
    today: float = inf


@dataclass(frozen=True)
class Held:
    """Probabilities of rows by models that had not seen them; `forward`: that had seen older rows alone."""

    rows: NDArray[np.intp]
    probability: Floats
    forward: bool


@dataclass(frozen=True)
class Training:
    """The end of a training. `model` is None where conversions are too few: the points score stays.
    `positive` is what the outcome says of who converted, `leads` how many the rows are of, `rarer` how many
    of these are of the rarer outcome, `dated_later` how many rows came in after today.
    """

    model: TrainedModel | None
    columns: tuple[Column, ...]
    verdict: Verdict
    rows: int
    conversions: int
    left_out: int
    positive: str
    leads: int
    rarer: int
    dated_later: int
    held: Held | None = None


@dataclass(frozen=True)
class History:
    """A table read for learning: the matrix of its learnable columns, and who converted (1.0 or 0.0)."""

    table: Table
    columns: tuple[Column, ...]
    vocabulary: Vocabulary
    matrix: Floats
    converted: Floats
    time: Floats | None
    ended: Floats | None
    leads: Groups

    @property
    def lines(self) -> float:
        """On how many rows a lead stands, on average."""
        return len(self.leads) / (int(self.leads.max()) + 1)

    @property
    def weeks(self) -> float | None:
        """How many weeks the rows came in over; None where their days are not told."""
        return None if self.time is None or self.vocabulary.since is None else weeks_of(self.time)


def train(table: Table, options: TrainingOptions, progress: Callable[[str], None]) -> Training:
    """Learn from a history whose outcome is a column. The same table, options and seed give the same model.

    Raises BadConfig for names the table does not hold, an outcome that cannot be read, or nothing left to
    learn from.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

    # The models are small: threads would spend their time waiting for each other. The limit reaches only
    # libraries already loaded.
    import_module("sklearn.ensemble")
    with threadpool_limits(1):
        return _train(table, options, progress)


def _train(table: Table, options: TrainingOptions, progress: Callable[[str], None]) -> Training:
    _check_names(table, options)
    outcome = read_outcome(table, options.outcome, options.positive)
    dated_later = 0
    if options.horizon_days is not None:
        entered = _days_entered(table, options)
        dated_later = int((entered > options.today).sum())
        outcome = within_horizon(outcome, entered, options.horizon_days, options.today)
    history = _read_history(table, outcome, options)
    if not history.vocabulary.columns:
        raise BadConfig([Fault("--history", "columns", "none is left to learn from")])
    verdict = find_leaks(_evidence(history, options.seed), options.accepted, progress)
    if history.vocabulary.since is not None and history.time is not None:
        dated_later += int((history.time > options.today).sum())
    leads = converted_leads(history.converted, history.leads)
    rarer = int(min(leads.sum(), len(leads) - leads.sum()))
    model, held = None, None
    if learners_for(rarer, len(history.converted)):
        model, held = learn(_without(history, verdict), rarer, options, progress)
    return Training(
        model,
        history.columns,
        verdict,
        rows=len(outcome.rows),
        conversions=int(history.converted.sum()),
        left_out=table.rows - len(outcome.rows),
        positive=outcome.positive,
        leads=len(leads),
        rarer=rarer,
        dated_later=dated_later,
        held=held,
    )


def learn(
    history: History, rarer: int, options: TrainingOptions, progress: Callable[[str], None]
) -> tuple[TrainedModel, Held]:
    """Choose, calibrate and fit on everything. `rarer` counts the rarer outcome: it rules what is tried."""
    seed, bands = options.seed, replace(options.bands, weeks=history.weeks or options.bands.weeks)
    folds, calibration_folds = _folds(history, seed)
    vocabulary, matrix, converted = history.vocabulary, history.matrix, history.converted
    learners = learners_for(rarer, len(converted))
    choice = choose(learners, vocabulary, matrix, converted, folds, seed=seed, progress=progress)
    held = np.sort(np.concatenate([test for _, test in folds]))
    kind = "none"
    if rarer > FULL_CHOICE_CONVERSIONS:
        kind = choose_calibration(choice.margin, converted, calibration_folds)
    apart = calibrated_apart(kind, choice.margin, converted, calibration_folds)
    progress(f"chosen: {choice.name}, calibration {kind}")
    parts = tuple(one.fit(vocabulary, matrix, converted, seed) for one in choice.learners)
    model = TrainedModel(
        vocabulary=vocabulary,
        parts=parts,
        calibration=fit_calibration(kind, choice.margin[held], converted[held]),
        profiles=_profiles(history),
        report={},
    )
    report = quality_report(
        model,
        choice,
        matrix,
        converted,
        apart,
        held,
        folds[0],
        time=history.time,
        lines=history.lines,
        band_limits=bands,
        seed=seed,
    )
    tested = Held(held, settled(apart[held]), forward=len(held) < len(converted))
    return TrainedModel(vocabulary, parts, model.calibration, model.profiles, report), tested


def _profiles(history: History) -> tuple[Profile, ...]:
    vocabulary, matrix = history.vocabulary, history.matrix
    return tuple(
        profile_of(matrix[:, place], levels=len(levels) + 2 if vocabulary.is_category(place) else 0)
        for place, levels in enumerate(vocabulary.levels)
    )


def _check_names(table: Table, options: TrainingOptions) -> None:
    named: list[tuple[str, str]] = [("--id", name) for name in options.ids]
    named += [("--exclude", name) for name in options.excluded]
    named += [("--accept", name) for name in options.accepted]
    named += [("--time", options.time)] if options.time else []
    faults = [
        Fault(flag, name, "is no column of the file") for flag, name in named if name not in table.columns
    ]
    if faults:
        raise BadConfig(faults)


def _read_history(table: Table, outcome: Outcome, options: TrainingOptions) -> History:
    known = table if len(outcome.rows) == table.rows else table.take(outcome.rows)
    converted = outcome.converted.astype(np.float64)
    columns = infer_columns(known, options.kinds, converted)
    aside = {options.outcome, options.time, *options.ids, *options.excluded}
    time = next((column for column in columns if column.name == options.time), None)
    since = time if time is not None and time.kind == "date" else None
    learnt = [column for column in columns if column.name not in aside]
    vocabulary = learn_vocabulary(known, learnt, since)
    return History(
        table=known,
        columns=columns,
        vocabulary=vocabulary,
        matrix=vocabulary.matrix(known),
        converted=converted,
        time=None if time is None else _read_time(time, known),
        ended=None if outcome.at is None else outcome.at[outcome.rows],
        leads=leads_of(known, options.ids),
    )


def _read_time(column: Column, table: Table) -> Floats:
    form = column.form or "."
    kind = "date" if column.kind == "date" else "number"
    time = read_values(Column(column.name, kind, form), table.columns[column.name])
    if np.isnan(time).mean() > 0.5:
        message = "cannot be read as dates or numbers: name another column or set its kind in the mapping"
        raise BadConfig([Fault("--time", column.name, message)])
    return time


def _days_entered(table: Table, options: TrainingOptions) -> Floats:
    """The day each row came in. Raises BadConfig where no column tells it."""
    columns = infer_columns(table, options.kinds)
    time = next((column for column in columns if column.name == options.time), None)
    if time is None or time.kind != "date":
        message = "needs --time with a column of dates: days are counted from when a lead came in"
        raise BadConfig([Fault("--horizon", str(options.horizon_days), message)])
    return _read_time(time, table)


def _evidence(history: History, seed: int) -> Evidence:
    since = history.vocabulary.since
    said = {name: filled(history.table.columns[name]) for name in history.vocabulary.names}
    entered = None if since is None else history.time
    return Evidence(
        history.vocabulary,
        history.matrix,
        history.converted,
        said,
        history.leads,
        seed,
        entered=entered,
        ended=history.ended,
    )


def _without(history: History, verdict: Verdict) -> History:
    refused = {finding.column for finding in verdict.refused}
    kept = [place for place, name in enumerate(history.vocabulary.names) if name not in refused]
    if not kept:
        message = "every column was refused: accept one with --accept, or export what was known beforehand"
        raise BadConfig([Fault("--history", "columns", message)])
    return replace(history, vocabulary=history.vocabulary.only(kept), matrix=history.matrix[:, kept])


def _folds(history: History, seed: int) -> tuple[list[Split], list[Split]]:
    """Folds for the choice and for the calibration: forward in time where time is told, else shuffled. No
    lead is on both sides.
    """
    converted, leads = history.converted, history.leads
    if history.time is not None:
        forward = without_tested(forward_folds(converted, history.time), converted, leads)
        calibration = without_tested(forward_calibration(forward), converted, leads)
        if len(forward) >= FEWEST_FORWARD_FOLDS and calibration:
            return forward, calibration
    return grouped_folds(converted, leads, seed), grouped_folds(converted, leads, seed + 1)
