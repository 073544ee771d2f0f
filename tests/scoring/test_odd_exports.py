"""What exports hold that no file should: mistyped days, null dates, leads on several lines, copied marks."""

from __future__ import annotations

from app.domain.scoring.another_file import vocabulary_for
from app.domain.scoring.kinds import infer_columns
from app.domain.scoring.vocabulary import learn_vocabulary
from tests.scoring.worlds import table_of


def test_a_fraction_below_one_is_no_thousand_to_a_model_that_learnt_the_other_mark() -> None:
    learnt = table_of({"a": [f"{one / 100:.2f}" for one in range(300)]})
    new = table_of({"a": ["0,500", "1"]})
    found = vocabulary_for(learn_vocabulary(learnt, infer_columns(learnt)), new)
    assert found.matrix(new).tolist() == [[0.5], [1.0]]
