"""What a bench answers: a figure beside its floor, and the table they are printed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

HEAD = "| figure | ours | floor | ratio | target |\n|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table, each cell as it is shown; "" where there is nothing to say.

    `missed` tells a count, never a time, that is not what it must be: the command then fails.
    """

    name: str
    ours: str
    floor: str = ""
    ratio: str = ""
    target: str = ""
    missed: str = ""

    def line(self) -> str:
        """The line in Markdown."""
        return f"| {self.name} | {self.ours} | {self.floor} | {self.ratio} | {self.target} |"


def missed_counts(*counts: tuple[float, float, str]) -> str:
    """In words, those counts of (count, the most it may be, what it counts) that are above it."""
    return ", ".join(f"{count:g} {words}, not {most:g}" for count, most, words in counts if count > most)


def beside_floor(name: str, ours: Sequence[float], floor: Sequence[float], unit: str, target: str) -> Figure:
    """Rates of alternating rounds, in pairs: the medians, and the median ratio with the span it moved in."""
    ratios = sorted(one / other for one, other in zip(ours, floor, strict=True))
    return Figure(
        name,
        f"{median(ours):,.0f} {unit}",
        f"{median(floor):,.0f} {unit}",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        target,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie; 0 for none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0
