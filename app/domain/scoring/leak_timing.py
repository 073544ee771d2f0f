"""Columns that were filled in after the outcome, told by their dates or by the column that dates it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from app.domain.scoring.columns import Floats
from app.domain.scoring.leak_evidence import FEWEST_ROWS, Evidence

AFTER_SHARE = 0.5
PURE_RATE = 0.98
MOMENT_OF_CONVERTED, MOMENT_OF_OTHERS = 0.95, 0.02
"""A date that so many of the leads have who converted, and no more of the others, dates the outcome."""

ALWAYS_AFTER = 0.9
"""Of a column's dates. Fewer may be plans made before: a date that only lies late is no leak."""


def filled_afterwards(evidence: Evidence, accepted: Collection[str]) -> dict[int, str]:
    """Place -> the reason why that column must have been filled in after the outcome."""
    names = evidence.vocabulary.names
    moment = _outcome_moment(evidence, accepted)
    found = {}
    for place, name in enumerate(names):
        if name in accepted:
            continue
        if place == moment:
            said = evidence.filled[name]
            rate = float(said[evidence.converted > 0.5].mean())
            found[place] = f"{rate:.0%} of those who converted have this date and hardly anybody else: it is "
            found[place] += "the moment of the outcome"
        elif reason := _timing(evidence, place) or _after_moment(evidence, place, moment):
            found[place] = reason
    return found


def _outcome_moment(evidence: Evidence, accepted: Collection[str]) -> int | None:
    """The date column that tells when leads converted; the earliest where several do."""
    converted = evidence.converted > 0.5
    found: list[tuple[float, int]] = []
    for place, column in enumerate(evidence.vocabulary.columns):
        said = evidence.filled[column.name]
        if column.kind != "date" or column.name in accepted or said[converted].sum() < FEWEST_ROWS:
            continue
        if said[converted].mean() >= MOMENT_OF_CONVERTED and said[~converted].mean() <= MOMENT_OF_OTHERS:
            found.append((float(np.nanmedian(_days(evidence, place))), place))
    return min(found)[1] if found else None


def _after_moment(evidence: Evidence, place: int, moment: int | None) -> str | None:
    """Why a column cannot have been known before the date that tells the outcome, or None."""
    if moment is None:
        return None
    names = evidence.vocabulary.names
    said, told = evidence.filled[names[place]], evidence.filled[names[moment]]
    if said.sum() < FEWEST_ROWS:
        return None
    if told[said].mean() >= PURE_RATE and said[told].mean() >= AFTER_SHARE:
        return f"it is filled in only where {names[moment]} tells that the lead converted"
    if evidence.vocabulary.columns[place].kind != "date":
        return None
    days, ended = _days(evidence, place), _days(evidence, moment)
    both = ~np.isnan(days) & ~np.isnan(ended)
    after = _share_after(days[both], ended[both]) if both.sum() >= FEWEST_ROWS else 0.0
    return f"{after:.0%} of its dates come after {names[moment]}" if after >= ALWAYS_AFTER else None


def _days(evidence: Evidence, place: int) -> Floats:
    """A date column in days since 1970."""
    return evidence.matrix[:, place] + (0.0 if evidence.vocabulary.since is None else _zero(evidence.entered))


def _timing(evidence: Evidence, place: int) -> str | None:
    """Why a date column must have been filled in after the outcome, or None.

    Its dates lie after the conversion they should foretell; or, where only the day the lead came in is
    known, they lie after that day and hardly any lead that did not convert has one.
    """
    if evidence.vocabulary.columns[place].kind != "date":
        return None
    days = _days(evidence, place)
    known = ~np.isnan(days)
    if evidence.ended is not None:
        both = known & ~np.isnan(evidence.ended)
        ended = evidence.ended[both]
        after = _share_after(days[both], ended, at_once=True) if both.sum() >= FEWEST_ROWS else 0.0
        if after >= AFTER_SHARE:
            return f"{after:.0%} of its dates are not before the conversion"
    if evidence.entered is not None and known.sum() >= FEWEST_ROWS:
        later = _share_after(days[known], evidence.entered[known])
        rate = float(evidence.converted[known].mean())
        if later >= 0.9 and rate >= PURE_RATE and float(evidence.converted.mean()) < 0.9:
            return f"its dates come after the lead, and {rate:.0%} of the leads that have one converted"
    return None


def _share_after(days: Floats, moments: Floats, *, at_once: bool = False) -> float:
    """How many of `days` come after their moment, or with `at_once` in the same second. Where the moments
    are whole days, what falls on one may as well have come before it: later days alone count.
    """
    if (moments[~np.isnan(moments)] % 1 == 0).all():
        return float((np.floor(days) > moments).mean())
    return float((days >= moments if at_once else days > moments).mean())


def _zero(days: Floats | None) -> Floats | float:
    return 0.0 if days is None else np.where(np.isnan(days), 0.0, days)
