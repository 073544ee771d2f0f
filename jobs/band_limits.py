"""Where bands begin, from the configuration alone: `train --history` and `score` open no database for it."""

from __future__ import annotations

from collections.abc import Mapping

from app.config import load_settings
from app.domain.standing import BandLimits, starts_by_score
from mappings.load import load_mappings

CONFIG = "SAVIA_CONFIG"


def band_limits(environ: Mapping[str, str]) -> BandLimits:
    """`[bands]` of the mappings and of the settings file, where there is one. No credential is looked at.

    Raises BadConfig with every fault of either.
    """
    settings = load_settings({CONFIG: environ[CONFIG]} if CONFIG in environ else {})
    return BandLimits(starts_by_score(load_mappings().scoring.bands), settings.bands.capacity_per_week)
