"""Which model, or blend of models, foretells best: judged by log loss on rows it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from app.domain.scoring.calibration import Split, sigmoid
from app.domain.scoring.columns import Floats
from app.domain.scoring.learners import Learner
from app.domain.scoring.metrics import log_loss
from app.domain.scoring.vocabulary import Vocabulary

FEWEST_CONVERSIONS = 40
FULL_CHOICE_CONVERSIONS = 120
BLEND_GAIN = 0.0005  # log loss a blend must save over a simpler one

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """The learners that won (several are a blend), their margins out of fold, every entrant's log loss."""

    learners: tuple[Learner, ...]
    margin: Floats
    contest: dict[str, float]

    @property
    def name(self) -> str:
        return " + ".join(learner.family for learner in self.learners)


def learners_for(conversions: int, rows: int) -> tuple[Learner, ...]:
    """The published rule: below 40 of the rarer outcome none, to 120 a regularised logistic, above all."""
    if conversions < FEWEST_CONVERSIONS:
        return ()
    if conversions <= FULL_CHOICE_CONVERSIONS:
        return tuple(_logistic(strength, straight=True) for strength in (0.003, 0.01, 0.03, 0.1))
    logistic = tuple(_logistic(strength, straight=False) for strength in (0.05, 0.2, 1.0))
    return (*logistic, *_forests(rows), *_boostings(rows))


def _logistic(strength: float, *, straight: bool) -> Learner:
    settings = {"strength": strength, "straight": straight}
    return Learner(f"logistic, strength {strength:g}", "logistic", settings)


def _forests(rows: int) -> tuple[Learner, ...]:
    leaf = max(3, rows // 2000)
    settings = {"n_estimators": 100, "max_features": 0.3, "max_leaf_nodes": 128, "max_depth": 8}
    return (Learner(f"forest, leaves of {leaf}", "forest", {**settings, "min_samples_leaf": leaf}),)


def _boostings(rows: int) -> tuple[Learner, ...]:
    shapes = [(6, 150, 0.05), (10, 300, 0.03), (20, 160, 0.05)] + (
        [(31, 300, 0.05)] if rows >= 15_000 else []
    )
    shared = {"max_features": 0.3, "max_depth": 8, "l2_regularization": 3.0, "min_samples_leaf": 15}
    return tuple(
        Learner(
            f"boosting, {leaves} leaves",
            "boosting",
            {"max_leaf_nodes": leaves, "max_iter": rounds, "learning_rate": rate, **shared},
        )
        for leaves, rounds, rate in shapes
    )


def margins_apart(
    learner: Learner,
    vocabulary: Vocabulary,
    matrix: Floats,
    converted: Floats,
    folds: Sequence[Split],
    seed: int,
) -> Floats:
    """Margins of every tested row from models that did not see it; NaN where no fold tests the row."""
    margin = np.full(len(matrix), np.nan)
    for learn, test in folds:
        part = learner.fit(vocabulary, matrix[learn], converted[learn], seed)
        margin[test] = part.margin(matrix[test])
    return margin


def choose(
    learners: Sequence[Learner],
    vocabulary: Vocabulary,
    matrix: Floats,
    converted: Floats,
    folds: Sequence[Split],
    *,
    seed: int,
    progress: Progress,
) -> Choice:
    """The best of each family, then the best blend of families."""
    held = np.concatenate([test for _, test in folds])
    contest: dict[str, float] = {}
    best: dict[str, tuple[float, Learner, Floats]] = {}
    for learner in learners:
        margin = margins_apart(learner, vocabulary, matrix, converted, folds, seed)
        loss = log_loss(converted[held], sigmoid(margin[held]))
        contest[learner.name] = loss
        progress(f"{learner.name}: log loss {loss:.4f}")
        if learner.family not in best or loss < best[learner.family][0]:
            best[learner.family] = (loss, learner, margin)
    return _best_blend(list(best.values()), converted, held, contest)


def _best_blend(
    finalists: list[tuple[float, Learner, Floats]],
    converted: Floats,
    held: np.ndarray[tuple[int, ...], np.dtype[np.intp]],
    contest: dict[str, float],
) -> Choice:
    lowest, winner = float("inf"), Choice((), np.empty(0), contest)
    for size in range(1, len(finalists) + 1):
        for group in combinations(finalists, size):
            margin = np.mean([one[2] for one in group], axis=0)
            loss = log_loss(converted[held], sigmoid(margin[held]))
            learners = tuple(one[1] for one in group)
            if size > 1:
                contest[" + ".join(learner.family for learner in learners)] = loss
            if loss < lowest - (BLEND_GAIN if size > 1 else 0.0):
                lowest, winner = loss, Choice(learners, margin, contest)
    return winner
