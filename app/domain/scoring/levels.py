"""How far may a lead's engagement fade before a model prints another score of it? Never too far, at times
less far than it could: at a split that in the end moves nothing, the lead is looked at once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.decay import printed_level
from app.domain.records import BANDS, Band
from app.domain.scoring.columns import Floats
from app.domain.scoring.learners import TreePart
from app.domain.scoring.linear import Additive
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.receipt import Points, parts_of, scores_of
from app.domain.standing import STEPS, Starts, step_of

Flags = NDArray[np.bool_]

HALVINGS = 8
"""Of the stretch in which a curve moves the score: its crossing is then known to a part in 256."""


def model_levels(
    model: TrainedModel,
    moving: Sequence[str],
    starts: Starts,
    matrix: Floats,
    margins: Sequence[Floats],
    totals: Floats,
) -> Floats:
    """For each row the highest engagement up to its total (`totals`) at which what is printed may change: as
    a whole number, by a split of a tree on a column made of engagement (named in `moving`), or on a curve.
    0 where nothing will. `margins` are the model's for these rows.

    Between two splits trees stand still and a curve's piece is straight, so its ends tell what lies between.
    """
    places = [place for place, name in enumerate(model.vocabulary.names) if name in moving]
    edges = _edges(model, places)
    levels = np.array([printed_level(total, edges) for total in totals.tolist()])
    if not places or all(isinstance(part, TreePart) for part in model.parts):
        return levels

    rows = _Rows(model, places, starts, matrix, margins)
    everyone = np.ones(len(totals), np.bool_)
    now = rows.printed_at(totals, everyone)

    def as_now(engagement: Floats, among: Flags) -> Flags:
        found = rows.printed_at(engagement, among)
        return np.asarray((found[0] == now[0][among]) & (found[1] == now[1][among]))

    moves = ~as_now(np.nextafter(levels, np.inf), everyone)
    low, high = levels[moves], totals[moves]
    for _ in range(HALVINGS if moves.any() else 0):
        middle = (low + high) / 2
        same = as_now(middle, moves)
        low, high = np.where(same, low, middle), np.where(same, middle, high)
    levels[moves] = high
    return levels


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with engagement in `places`, and the margin that each part of the model has of them now."""

    model: TrainedModel
    places: Sequence[int]
    starts: Starts
    matrix: Floats
    margins: Sequence[Floats]

    def printed_at(self, engagement: Floats, among: Flags) -> tuple[Points, Points]:
        """Score and band of the rows `among` all with their engagement faded to this, not past a split: every
        tree says there what it says now, so only curves are asked again.
        """
        moved = self.matrix[among]
        moved[:, self.places] = engagement[:, None]
        told = [
            margin[among] if isinstance(part, TreePart) else part.margin(moved)
            for part, margin in zip(self.model.parts, self.margins, strict=True)
        ]
        probability = self.model.probability_by(told)
        return scores_of(probability), band_places(probability, self.starts)


def band_places(probability: Floats, starts: Starts) -> Points:
    """The place in BANDS of each lead's band: `band_at` of many."""
    steps = parts_of(probability, STEPS)
    places = np.full(len(steps), len(BANDS) - 1, dtype=np.int64)
    for place in reversed(range(len(BANDS))):
        places[steps >= step_of(starts[BANDS[place]])] = place
    return places


def bands_of(probability: Floats, starts: Starts) -> list[Band]:
    """The band of each lead."""
    return [BANDS[place] for place in band_places(probability, starts)]


def _edges(model: TrainedModel, places: Sequence[int]) -> list[float]:
    """The engagement at which a tree parts leads or a curve bends, in rising order."""
    found: set[float] = set()
    for part in model.parts:
        if isinstance(part, TreePart):
            inner = part.trees.left != 0
            at = inner & np.isin(part.trees.column, places)
            found |= set(part.trees.threshold[at].tolist())
        elif isinstance(part, Additive):
            found |= {knot for place in places for knot in part.curves[place].knots.tolist()}
    return sorted(one for one in found if one > 0)
