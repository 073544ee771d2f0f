"""Does a challenger beat what scores now, on outcomes that neither had seen? Only then does it replace it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from app.domain.scoring.columns import Floats
from app.domain.scoring.metrics import auc, log_loss, row_losses

FEWEST_JUDGED = 10
"""Conversions, and leads that did not convert, that a judgement needs."""


@dataclass(frozen=True, slots=True)
class Contest:
    """A judgement: on how many rows, how each did (low log loss and high AUC are good), who won, why.

    `gain` is what the challenger saves in log loss, row by row, and `error` that gain's standard error: who
    was picked as the best of several looks better than it is, so a gain within its error replaces nothing.
    """

    against: str
    rows: int
    conversions: int
    challenger: dict[str, float]
    champion: dict[str, float]
    won: bool
    why: str
    gain: float | None = None
    error: float | None = None

    def report(self) -> dict[str, Any]:
        return asdict(self)


def against_model(name: str, converted: Floats, challenger: Floats, champion: Floats) -> Contest:
    """A log loss lower by more than one standard error of the paired differences wins. Of none of these rows'
    outcomes may either have learnt.
    """
    if why := _too_few(converted):
        return _contest(name, converted, {}, {}, won=False, why=why)
    mine, theirs = _figures(converted, challenger), _figures(converted, champion)
    gain, error = paired_gain(converted, challenger, champion)
    won = gain > error
    why = (
        "its log loss is lower by more than one standard error"
        if won
        else "its log loss is not lower by more than one standard error: the champion stays"
    )
    found = _contest(name, converted, mine, theirs, won=won, why=why)
    return replace(found, gain=gain, error=error)


def against_points(converted: Floats, challenger: Floats, points: Floats, rate: float) -> Contest:
    """Points claim no probability: they are beaten by a higher AUC together with a log loss below that of
    the known conversion `rate` told to everybody, by more than one standard error.
    """
    if why := _too_few(converted):
        return _contest("points", converted, {}, {}, won=False, why=why)
    mine = _figures(converted, challenger)
    everybody = np.full(len(converted), rate)
    theirs = {"auc": auc(converted, points), "log_loss": log_loss(converted, everybody)}
    gain, error = paired_gain(converted, challenger, everybody)
    won = mine["auc"] > theirs["auc"] and gain > error
    why = (
        "it ranks better than points and foretells better than the mere rate"
        if won
        else "it does not both rank better than points and foretell better than the mere rate: points stay"
    )
    found = _contest("points", converted, mine, theirs, won=won, why=why)
    return replace(found, gain=gain, error=error)


def paired_gain(converted: Floats, challenger: Floats, champion: Floats) -> tuple[float, float]:
    """What the challenger saves in log loss, row against row, and the standard error of that mean."""
    saved = row_losses(converted, champion) - row_losses(converted, challenger)
    return float(saved.mean()), float(saved.std(ddof=1) / np.sqrt(len(saved)))


def _figures(converted: Floats, probability: Floats) -> dict[str, float]:
    return {"auc": auc(converted, probability), "log_loss": log_loss(converted, probability)}


def _too_few(converted: Floats) -> str:
    rarer = int(min(converted.sum(), len(converted) - converted.sum()))
    if rarer >= FEWEST_JUDGED:
        return ""
    return f"{rarer} new outcomes of the rarer kind, {FEWEST_JUDGED} are needed to judge: nothing is replaced"


def _contest(
    name: str, converted: Floats, mine: dict[str, float], theirs: dict[str, float], *, won: bool, why: str
) -> Contest:
    return Contest(name, len(converted), int(converted.sum()), mine, theirs, won, why)
