"""Leads scored by a model: receipts that add up for whoever moved, and nothing for whoever did not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.engagement import Engagement
from app.domain.features import FEATURES, is_number
from app.domain.records import Features, Reason
from app.domain.scoring.lead_scores import LeadColumns, ModelRules, ScoredLead, score_by_model
from app.domain.scoring.lead_table import lead_table
from app.domain.scoring.points import wording
from app.domain.standing import printed
from tests.scoring.lead_model import MAPPINGS, TABLE, model_rules


@pytest.fixture(scope="module", name="rules")
def _rules() -> ModelRules:
    return model_rules()


VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            name: VALUES if is_number(TABLE.features[name]) else st.one_of(st.none(), st.text(max_size=9))
            for name in FEATURES
        }
    ),
    max_size=5,
)


def columns(rows: list[Features], total: float) -> LeadColumns:
    leads = [ScoredLead(row, row, Engagement(total, {"email_click": total})) for row in rows]
    return LeadColumns(lead_table(rows, TABLE), np.full(len(rows), total), leads.__getitem__)


@given(ROWS, st.floats(0, 300))
def test_every_receipt_adds_up_to_the_floor_of_the_probability(
    rules: ModelRules, rows: list[Features], total: float
) -> None:
    scored = score_by_model(columns(rows, total), [None] * len(rows), rules)
    assert len(scored.scores) == len(scored.probability) == len(rows)
    for place, chance in enumerate(scored.probability.tolist()):
        score = scored.scores[place]
        assert score.probability == chance
        assert score.value == int(100 * chance + 1e-9) == sum(one.points for one in score.receipt)
        assert score.receipt[0].part == "base"
        for language in ("es", "en"):
            assert all(wording(one, language, MAPPINGS.scoring) != one.code for one in score.receipt)


@given(ROWS)
def test_in_a_lot_or_alone_a_lead_gets_the_same_score(rules: ModelRules, rows: list[Features]) -> None:
    together = score_by_model(columns(rows, 3), [None] * len(rows), rules).scores
    alone = [score_by_model(columns([row], 3), [None], rules).scores[0] for row in rows]
    assert list(together.values()) == alone


@given(ROWS)
def test_who_did_not_move_gets_no_new_score(rules: ModelRules, rows: list[Features]) -> None:
    scored = score_by_model(columns(rows, 3), [None] * len(rows), rules)
    held = [printed(scored.scores[place]) for place in range(len(rows))]
    again = score_by_model(columns(rows, 3), held, rules, [True] * len(rows))
    assert again.scores == {}
    assert again.levels == scored.levels


def test_an_unknown_value_is_shown_as_such_and_an_old_feature_by_its_code(rules: ModelRules) -> None:
    known = Reason("model.job_title", 3, "fit", "–")
    assert wording(known, "es", MAPPINGS.scoring) == "Cargo: –"
    assert wording(Reason("model.gone", 3, "fit", "x"), "en", MAPPINGS.scoring) == "model.gone"
