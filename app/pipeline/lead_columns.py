"""A lot of leads as the columns a model reads. Loads the numbers package, which points do without."""

from __future__ import annotations

import numpy as np

from app.domain.feature_table import FEATURES
from app.domain.scoring.columns import Cells, Table
from app.domain.scoring.lead_scores import LeadColumns, ScoredLead
from app.domain.summary import BETWEEN
from app.pipeline.leads_now import LeadsNow


def lead_columns(leads: LeadsNow) -> LeadColumns:
    """The leads' features as models may know them, and their engagement, side by side."""
    how, lot, size = leads.how, leads.lot, len(leads.totals)
    totals = np.array(leads.totals, dtype=np.float64)
    numbers = np.frombuffer(lot.numbers, dtype="<f8").reshape(size, len(how.numbers))
    words = list(zip(*(text.split(BETWEEN) for text in lot.words), strict=True))
    columns: dict[str, Cells] = {}
    for name in FEATURES:
        lies = how.learnt(name)
        if name in how.moving:
            columns[name] = totals
        elif lies in how.numbers:
            columns[name] = numbers[:, how.numbers.index(lies)]
        else:
            columns[name] = how.cells(words[how.words.index(lies)])

    def lead(place: int) -> ScoredLead:
        return ScoredLead(*leads.features(place), leads.engagement(place))

    return LeadColumns(Table(columns, size), totals, lead)
