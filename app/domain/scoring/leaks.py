"""The leak guard: columns that know the outcome since they were filled in after it, told by the rows alone.

A refused column is not learnt from unless the operator accepts it; a suspect one is, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.columns import Floats
from app.domain.scoring.folds import shuffled_folds
from app.domain.scoring.learners import Learner
from app.domain.scoring.metrics import auc
from app.domain.scoring.ranking import auc_error
from app.domain.scoring.selection import margins_apart
from app.domain.scoring.vocabulary import Vocabulary

REFUSED_AUC = 0.85
REFUSED_SHARE = 0.9
SUSPECT_AUC = 0.75
SUSPECT_PRESENCE = 0.6
PURE_RATE, PURE_SHARE = 0.98, 0.2
ALL_BUT_PURE = 0.99
"""The rate of a small part of the conversions that honest columns do not reach."""

BY_LUCK = 1e-6
FEWEST_OUTCOMES = 5
"""Of the rarer outcome: with fewer no column can be judged."""

AFTER_SHARE = 0.5
FEWEST_ROWS = 20
WIDEST_BINS = 32
REPEATS = 3

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Finding:
    """A column and, in one line, what the rows say against it."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    refused: tuple[Finding, ...]
    suspect: tuple[Finding, ...]


@dataclass
class Evidence:
    """The rows to judge by. `entered` and `ended` are days (NaN unknown): lead came in, lead converted."""

    vocabulary: Vocabulary
    matrix: Floats
    converted: Floats
    filled: dict[str, Flags]
    seed: int
    entered: Floats | None = None
    ended: Floats | None = None
    _together: dict[frozenset[int], float] = field(default_factory=dict)

    def together(self, places: Collection[int]) -> float:
        """The AUC these columns reach together out of fold: the better of a boosting and a logistic."""
        key = frozenset(places)
        if key not in self._together:
            self._together[key] = self._reach(sorted(key)) if key else 0.5
        return self._together[key]

    def _reach(self, places: list[int]) -> float:
        vocabulary, matrix = self.vocabulary.only(places), self.matrix[:, places]
        settings = {"max_iter": 80, "learning_rate": 0.08, "max_leaf_nodes": 12, "min_samples_leaf": 15}
        learners = (
            Learner("boosting", "boosting", {**settings, "l2_regularization": 1.0}),
            Learner("logistic", "logistic", {"strength": 0.1, "straight": False}),
        )
        folds = shuffled_folds(self.converted, self.seed)
        reached = [
            auc(self.converted, margins_apart(one, vocabulary, matrix, self.converted, folds, self.seed))
            for one in learners
        ]
        return max(reached)

    def alone(self, place: int) -> float:
        """The AUC one column reaches alone: the mean over repeated folds of its smoothed conversion rates.

        A number is also judged by its plain order, whichever way it points.
        """
        values = self.matrix[:, place]
        codes = values.astype(np.intp) if self.vocabulary.is_category(place) else _bins(values)
        reached = []
        for repeat in range(REPEATS):
            for learn, test in shuffled_folds(self.converted, self.seed + repeat):
                reached.append(self._fold_auc(codes, learn, test))
        best = float(np.mean(reached))
        if not self.vocabulary.is_category(place) and not np.isnan(values).any():
            plain = auc(self.converted, values)
            best = max(best, plain, 1 - plain)
        return best

    def _fold_auc(self, codes: NDArray[np.intp], learn: NDArray[np.intp], test: NDArray[np.intp]) -> float:
        size = int(codes.max()) + 1
        hits = np.bincount(codes[learn], weights=self.converted[learn], minlength=size)
        rows = np.bincount(codes[learn], minlength=size)
        rate = float(self.converted[learn].mean())
        return auc(self.converted[test], ((hits + 5 * rate) / (rows + 5))[codes[test]])


def _bins(values: Floats) -> NDArray[np.intp]:
    """Numbers as up to 32 bins of about equal size, the missing in one of their own."""
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    size = int(np.clip(len(known) // 25, 4, WIDEST_BINS))
    if len(distinct) > size:
        # The commonest value keeps a bin of its own, so that a pile of zeros does not blur the rest.
        values_, counts = np.unique(known, return_counts=True)
        common = values_[np.argmax(counts)]
        rest = known[known != common]
        cuts = np.unique(np.concatenate([np.quantile(rest, np.linspace(0, 1, size)), [common]]))
    else:
        cuts = distinct
    codes = 2 * np.searchsorted(cuts, values, side="left") + np.isin(values, cuts)
    return np.where(np.isnan(values), 2 * len(cuts) + 2, codes).astype(np.intp)


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
    refused: dict[int, str] = {}
    for place, name in enumerate(names):
        timing = timing_evidence(evidence, place)
        if timing and name not in accepted:
            refused[place] = timing
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


def timing_evidence(evidence: Evidence, place: int) -> str | None:
    """Why a date column must have been filled in after the outcome, or None.

    Its dates lie after the conversion they should foretell; or, where only the day the lead came in is
    known, they lie after that day and hardly any lead that did not convert has one.
    """
    if evidence.vocabulary.columns[place].kind != "date":
        return None
    days = evidence.matrix[:, place] + (0.0 if evidence.vocabulary.since is None else _zero(evidence.entered))
    known = ~np.isnan(days)
    if evidence.ended is not None:
        both = known & ~np.isnan(evidence.ended)
        after = float((days[both] >= evidence.ended[both]).mean()) if both.sum() >= FEWEST_ROWS else 0.0
        if after >= AFTER_SHARE:
            return f"{after:.0%} of its dates are not before the conversion"
    if evidence.entered is not None and known.sum() >= FEWEST_ROWS:
        later = float((days[known] > evidence.entered[known]).mean())
        rate = float(evidence.converted[known].mean())
        if later >= 0.9 and rate >= PURE_RATE and float(evidence.converted.mean()) < 0.9:
            return f"its dates come after the lead, and {rate:.0%} of the leads that have one converted"
    return None


def _zero(days: Floats | None) -> Floats | float:
    return 0.0 if days is None else np.where(np.isnan(days), 0.0, days)


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
