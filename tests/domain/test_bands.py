from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.records import BANDS, Band
from app.domain.scoring.bands import band_faults, band_of, next_action, recommendations
from tests.domain.shipped import POINTS

SHIPPED = POINTS.bands


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (100, "hot"), (80, "hot"), (79, "warm"), (60, "warm"), (59, "cold"), (40, "cold"),
        (39, "unqualified"), (0, "unqualified"),
    ],
)  # fmt: skip
def test_the_bands_begin_where_the_seed_says(score: int, band: Band):
    assert band_of(score, SHIPPED) == band


@pytest.mark.parametrize("band", BANDS)
def test_each_band_has_five_recommendations_and_an_action_in_both_languages(band: Band):
    for language in ("es", "en"):
        texts = (*recommendations(band, SHIPPED, language), next_action(band, SHIPPED, language))
        assert len(texts) == len(set(texts)) == 6
        assert all(texts)
    assert recommendations(band, SHIPPED, "es") != recommendations(band, SHIPPED, "en")


def test_the_words_are_the_seeds():
    assert recommendations("hot", SHIPPED, "en")[0] == "Schedule immediate sales call"
    assert recommendations("unqualified", SHIPPED, "en")[-1] == "Focus on education"
    assert next_action("hot", SHIPPED, "es") == "Llamar hoy"


def test_every_fault_of_the_bands_is_named_by_its_key():
    assert band_faults(SHIPPED) == []
    assert [key for key, _ in band_faults({"hot": SHIPPED["hot"]})] == [
        "bands.warm", "bands.cold", "bands.unqualified"
    ]  # fmt: skip
    wrong = {
        **SHIPPED,
        "hot": replace(SHIPPED["hot"], at_least=120),
        "warm": replace(SHIPPED["warm"], at_least=40),
        "unqualified": replace(SHIPPED["unqualified"], at_least=10),
    }
    assert [key for key, _ in band_faults(wrong)] == [
        "bands.warm.at_least", "bands.unqualified.at_least", "bands.hot.at_least"
    ]  # fmt: skip
