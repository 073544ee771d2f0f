"""score -> band, and what is advised for each band. Texts and limits live in `scoring.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from app.domain.records import BANDS, Band

Language = Literal["es", "en"]


@dataclass(frozen=True, slots=True)
class Wording:
    """One text in both languages."""

    es: str
    en: str

    def text(self, language: Language) -> str:
        """The text in `language`."""
        return self.es if language == "es" else self.en


@dataclass(frozen=True, slots=True)
class BandRule:
    """A band begins at this score. `recommendations` are for people, in order; `next_action` is the one thing
    to do now.
    """

    at_least: int
    next_action: Wording
    recommendations: tuple[Wording, ...]


Bands = Mapping[Band, BandRule]


def band_of(score: int, bands: Bands) -> Band:
    """The highest band whose limit `score` reaches."""
    return max(
        (name for name in bands if score >= bands[name].at_least), key=lambda name: bands[name].at_least
    )


def recommendations(band: Band, bands: Bands, language: Language) -> tuple[str, ...]:
    """What is advised for a lead in `band`, most important first."""
    return tuple(item.text(language) for item in bands[band].recommendations)


def next_action(band: Band, bands: Bands, language: Language) -> str:
    """The one thing to do now for a lead in `band`."""
    return bands[band].next_action.text(language)


def band_faults(bands: Bands) -> list[tuple[str, str]]:
    """What is wrong with the bands, as (key, what would be right)."""
    absent = [(f"bands.{band}", "is missing") for band in BANDS if band not in bands]
    if absent:
        return absent
    faults = [
        (f"bands.{upper}.at_least", f"must be more than bands.{lower}.at_least")
        for upper, lower in pairwise(BANDS)
        if bands[upper].at_least <= bands[lower].at_least
    ]
    if bands[BANDS[-1]].at_least != 0:
        faults.append((f"bands.{BANDS[-1]}.at_least", "must be 0: every lead is in a band"))
    if bands[BANDS[0]].at_least > 100:
        faults.append((f"bands.{BANDS[0]}.at_least", "must be at most 100"))
    return faults
