"""The public sample of GA4 events, where it is at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parents[4] / "shared/data/ga4/ga4_public_dataset_100events.csv"


@pytest.fixture
def ga4_sample_ids() -> list[str]:
    """The visitor ids of the sample, as they stand there."""
    if not SAMPLE.exists():
        pytest.skip("shared/data/ga4 is absent: the public sample cannot be looked at")
    with SAMPLE.open(newline="", encoding="utf-8") as file:
        return [row["user_pseudo_id"] for row in csv.DictReader(file)]
