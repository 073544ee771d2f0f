"""The mappings as shipped, for tests that prove a promise of theirs."""

from __future__ import annotations

from typing import TypeVar

from app.domain.engagement import EngagementRules
from app.domain.feature_table import FeatureTable
from app.domain.scoring.points import PointsRules
from mappings.load import FOLDER
from mappings.read import read_toml

T = TypeVar("T")


def _read(name: str, shape: type[T]) -> T:
    faults = []
    table = read_toml(FOLDER / name, shape, faults)
    assert table is not None, faults
    return table


ENGAGEMENT = _read("engagement.toml", EngagementRules)
FEATURE_TABLE = _read("features.toml", FeatureTable)
POINTS = _read("scoring.toml", PointsRules)
