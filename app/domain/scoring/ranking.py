"""How well an order ranks, by plain counts: it serves where points score and no numbers package is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt


def auc_of_counts(hits: Mapping[int, int], misses: Mapping[int, int]) -> float:
    """Area under the ROC curve of whole places (place -> how many). Ties count half; 0.5 if one is empty."""
    pairs = sum(hits.values()) * sum(misses.values())
    below, won = 0, 0.0
    for place in sorted({*hits, *misses}):
        lost = misses.get(place, 0)
        won += hits.get(place, 0) * (below + lost / 2)
        below += lost
    return won / pairs if pairs else 0.5


def auc_error(area: float, hits: float, misses: float) -> float:
    """Standard error of an AUC (Hanley and McNeil 1982)."""
    if hits < 1 or misses < 1:
        return 0.5
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    variance = area * (1 - area) + (hits - 1) * (q1 - area * area) + (misses - 1) * (q2 - area * area)
    return sqrt(max(variance, 0.0) / (hits * misses))


def auc_interval(area: float, hits: float, misses: float) -> dict[str, float]:
    """The 95 % interval of an AUC."""
    error = 1.96 * auc_error(area, hits, misses)
    return {"low": max(0.0, area - error), "high": min(1.0, area + error)}


def by_band(
    converted: Iterable[float], bands: Sequence[str], order: Sequence[str]
) -> list[dict[str, float | str]]:
    """Rows, conversion and lift of each band that has rows, in `order`."""
    rows, hits = Counter(bands), Counter[str]()
    for one, band in zip(converted, bands, strict=True):
        hits[band] += int(one)
    rate = hits.total() / max(rows.total(), 1)
    return [
        {
            "band": band,
            "rows": rows[band],
            "converted": hits[band] / rows[band],
            "lift": hits[band] / rows[band] / rate if rate else 0.0,
        }
        for band in order
        if rows[band]
    ]
