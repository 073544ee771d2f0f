"""Leads scored by a model: receipts that add up for whoever moved, and nothing for whoever did not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.engagement import Engagement
from app.domain.feature_table import FEATURES, is_number
from app.domain.records import Features, Reason
from app.domain.scoring.lead_scores import LeadColumns, ModelRules, ScoredLead, score_by_model
from app.domain.scoring.lead_table import lead_table
from app.domain.scoring.learners import TreePart
from app.domain.scoring.levels import bands_of
from app.domain.scoring.points import wording
from app.domain.scoring.receipt import scores_of, settled
from app.domain.standing import printed
from tests.scoring.lead_model import MAPPINGS, TABLE, blended_rules, features, floor_of, model_rules


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
        assert score.value == floor_of(chance) == sum(one.points for one in score.receipt)
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


def trees_alone() -> ModelRules:
    rules = blended_rules()
    trees = tuple(part for part in rules.model.parts if isinstance(part, TreePart))
    return replace(rules, model=replace(rules.model, parts=trees))


@pytest.mark.parametrize("made", [model_rules, blended_rules, trees_alone])
def test_down_to_its_level_a_fading_lead_is_printed_the_same(made: Callable[[], ModelRules]) -> None:
    rules, chance = made(), np.random.default_rng(11)
    rows = [features(chance) for _ in range(60)]
    totals = [float(row["engagement_score"] or 0) for row in rows]
    levels = score_by_model(columns_at(rows, totals), [None] * len(rows), rules).levels
    assert min(totals[place] - level for place, level in levels.items()) >= 0
    for share in np.linspace(0, 0.999, 40):
        faded = [total + share * (levels[place] - total) for place, total in enumerate(totals)]
        found = score_by_model(columns_at(rows, faded), [None] * len(rows), rules).scores
        now = score_by_model(columns_at(rows, totals), [None] * len(rows), rules).scores
        assert [printed(found[place]) for place in levels] == [printed(now[place]) for place in levels]


def columns_at(rows: list[Features], totals: list[float]) -> LeadColumns:
    moved = [{**row, "engagement_score": total} for row, total in zip(rows, totals, strict=True)]
    leads = [
        ScoredLead(row, row, Engagement(total, {"email_click": total}))
        for row, total in zip(moved, totals, strict=True)
    ]
    return LeadColumns(lead_table(moved, TABLE), np.array(totals), leads.__getitem__)


@given(st.integers(0, 10**9))
@example(290_000_000)
@example(570_000_000)
def test_a_score_is_the_floor_of_the_probability_as_written_and_its_band_begins_there(
    billionths: int,
) -> None:
    probability = settled(np.array([billionths / 10**9]))
    score = floor_of(float(probability[0]))
    assert scores_of(probability).tolist() == [score]
    starts = {"hot": score / 100, "warm": 0.0, "cold": 0.0, "unqualified": 0.0}
    assert bands_of(probability, starts) == ["hot"]  # type: ignore[arg-type]
    if score < 100:
        starts["hot"] = (score + 1) / 100
        assert bands_of(probability, starts) == ["warm"]  # type: ignore[arg-type]
