"""Leads' features as the table a model reads, both when it learns and when it scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain.feature_table import FEATURES, FeatureTable, is_number
from app.domain.records import Features, FeatureValue
from app.domain.scoring.columns import Cells, Table


def lead_table(leads: Sequence[Features], rules: FeatureTable) -> Table:
    """A row per lead in the order given, a column per feature; unknown is missing."""
    columns: dict[str, Cells] = {}
    for name in FEATURES:
        values = [features.get(name) for features in leads]
        if is_number(rules.features[name]):
            columns[name] = np.array([_number(value) for value in values], dtype=np.float64)
        else:
            columns[name] = ["" if value is None else str(value) for value in values]
    return Table(columns, len(leads))


def _number(value: FeatureValue) -> float:
    return value if isinstance(value, float | int) else np.nan
