"""The leak guard: columns that know the outcome since they were filled in after it, told by the rows alone.

A refused column is not learnt from unless the operator accepts it; a suspect one is, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.scoring.columns import Floats
from app.domain.scoring.leak_evidence import FEWEST_ROWS, Evidence, Flags
from app.domain.scoring.leak_timing import PURE_RATE, filled_afterwards
from app.domain.scoring.metrics import auc
from app.domain.scoring.ranking import auc_error

REFUSED_AUC = 0.85
REFUSED_SHARE = 0.9
SUSPECT_AUC = 0.75
SUSPECT_PRESENCE = 0.6
PURE_SHARE = 0.2
ALL_BUT_PURE = 0.99
"""The rate of a small part of the conversions that honest columns do not reach."""

BY_LUCK = 1e-6
FEWEST_OUTCOMES = 5
"""Of the rarer outcome: with fewer no column can be judged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A column and, in one line, what the rows say against it."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    refused: tuple[Finding, ...]
    suspect: tuple[Finding, ...]


def find_leaks(
    evidence: Evidence, accepted: Collection[str] = (), progress: Callable[[str], None] = lambda _: None
) -> Verdict:
    """Refuse in turns, strongest column first, until none is left to refuse; then name the suspects.

    Nothing is found where hardly anybody converted, or hardly anybody did not.
    """
    if not FEWEST_OUTCOMES <= evidence.converted.sum() <= len(evidence.converted) - FEWEST_OUTCOMES:
        return Verdict((), ())
    names = evidence.vocabulary.names
    alone = {place: evidence.alone(place) for place in range(len(names))}
    refused = filled_afterwards(evidence, accepted)
    while True:
        found = _next_refused(evidence, alone, refused, accepted)
        if found is None:
            break
        place, reason = found
        refused[place] = reason
        progress(f"refused {names[place]}: {reason}")
    kept = [place for place in alone if place not in refused]
    pure = {place: sign for place in kept if (sign := _purity(evidence, place))}
    suspects = [
        Finding(names[place], sign)
        for place in kept
        if (sign := _suspicion(evidence, alone, place, kept, pure))
    ]
    return Verdict(tuple(Finding(names[place], reason) for place, reason in refused.items()), tuple(suspects))


def _next_refused(
    evidence: Evidence, alone: dict[int, float], refused: Collection[int], accepted: Collection[str]
) -> tuple[int, str] | None:
    names = evidence.vocabulary.names
    for place in sorted(alone, key=lambda one: (-alone[one], one)):
        if place in refused or names[place] in accepted or not _reaches(evidence, alone[place]):
            continue
        others = evidence.together([one for one in alone if one not in refused and one != place])
        if alone[place] - 0.5 >= REFUSED_SHARE * (others - 0.5):
            return place, (
                f"alone it reaches AUC {alone[place]:.2f}, all other columns together {others:.2f}: "
                "it looks filled in after the outcome"
            )
    return None


def _reaches(evidence: Evidence, alone: float) -> bool:
    """Whether it reaches the AUC that refuses, and half a standard error more: luck alone refuses nothing."""
    hits = float(evidence.converted.sum())
    return alone - auc_error(alone, hits, len(evidence.converted) - hits) / 2 >= REFUSED_AUC


def _suspicion(
    evidence: Evidence, alone: dict[int, float], place: int, kept: Sequence[int], pure: dict[int, str]
) -> str | None:
    signs = []
    if alone[place] >= SUSPECT_AUC:
        signs.append(f"alone it reaches AUC {alone[place]:.2f}")
    presence = _presence(evidence, place)
    if presence >= SUSPECT_PRESENCE:
        signs.append(f"merely being filled in reaches AUC {presence:.2f}")
    if place in pure:
        signs.append(pure[place])
    if not signs:
        return None
    every = evidence.together(kept)
    without = evidence.together([one for one in kept if one != place])
    told = f"{' and '.join(signs)}; AUC with it {every:.3f}, without it {without:.3f}"
    if place in pure and len(pure) > 1:  # each for itself adds little where they say the same
        apart = evidence.together([one for one in kept if one not in pure])
        told += f", without all {len(pure)} such columns {apart:.3f}"
    return told


def _presence(evidence: Evidence, place: int) -> float:
    filled = evidence.filled[evidence.vocabulary.names[place]]
    if not FEWEST_ROWS <= filled.sum() <= len(filled) - FEWEST_ROWS:
        return 0.5
    reached = auc(evidence.converted, filled.astype(np.float64))
    return max(reached, 1 - reached)


def _purity(evidence: Evidence, place: int) -> str | None:
    """What part of the rows, told apart by this column, converted almost without exception; or None."""
    name, values = evidence.vocabulary.names[place], evidence.matrix[:, place]
    filled = evidence.filled[name]
    if _converts(evidence, filled) or _never_converts(evidence, filled):
        return f"{evidence.converted[filled].mean():.0%} of the rows that have one converted"
    if not evidence.vocabulary.is_category(place):
        return _pure_rest(evidence, values)
    for code, level in enumerate(evidence.vocabulary.levels[place]):
        inside = values == code
        if _converts(evidence, inside):
            return f"{evidence.converted[inside].mean():.0%} of its '{level}' converted"
    return None


def _pure_rest(evidence: Evidence, values: Floats) -> str | None:
    """A number that is nearly always the same, and otherwise for those alone who converted."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    distinct, counts = np.unique(known, return_counts=True)
    common = distinct[np.argmax(counts)]
    other = ~np.isnan(values) & (values != common)
    if not _converts(evidence, other):
        return None
    return f"{evidence.converted[other].mean():.0%} of the rows where it is not {common:g} converted"


def _converts(evidence: Evidence, inside: Flags) -> bool:
    """Whether these rows converted almost without exception, and not by luck: nearly all of a good part of
    the conversions, or all but one in a hundred of a smaller one.
    """
    hits, everybody = evidence.converted[inside], evidence.converted.mean()
    if len(hits) < FEWEST_ROWS or everybody ** len(hits) >= BY_LUCK:
        return False
    large = hits.sum() >= PURE_SHARE * evidence.converted.sum()
    return bool(hits.mean() >= (PURE_RATE if large else ALL_BUT_PURE))


def _never_converts(evidence: Evidence, inside: Flags) -> bool:
    """Whether hardly one of these rows converted where many should have: a reason why the lead was lost."""
    hits, everybody = evidence.converted[inside], evidence.converted.mean()
    enough = len(hits) >= FEWEST_ROWS and (1 - everybody) ** len(hits) < BY_LUCK
    return bool(enough and hits.mean() <= everybody / 50)
