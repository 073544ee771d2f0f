"""The model that scores now: read from the store once per process, and again when another one is crowned."""

from __future__ import annotations

import sqlalchemy as sa

from app.domain.scoring.model import TrainedModel
from app.domain.scoring.model_file import from_bytes
from app.store import models

_loaded: dict[str, TrainedModel] = {}
"""At most one, by its hash: whatever database it came from, the same bytes are the same model."""


def champion(conn: sa.Connection) -> tuple[str, TrainedModel] | None:
    """Its name as scores carry it ("model 7") and the model; None while points score.

    Raises BadConfig where what the store holds is no model, or not the one that was kept.
    """
    named = models.champion_name(conn)
    if named is None:
        _loaded.clear()
        return None
    model_id, sha256 = named
    found = _loaded.get(sha256)
    if found is None:
        found = from_bytes(models.content_of(conn, model_id))
        _loaded.clear()
        _loaded[sha256] = found
    return f"model {model_id}", found
