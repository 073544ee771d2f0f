"""Readings of texts as features, the cache's key and the day's budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.texts import (
    INTENTS,
    SENTIMENTS,
    TEXT_FEATURES,
    RedactedText,
    TextReading,
    may_ask,
    reading_features,
    text_key,
)

readings = st.builds(
    TextReading,
    st.sampled_from(SENTIMENTS),
    st.sampled_from(INTENTS),
    st.lists(st.sampled_from(["price", "time", "results"]), unique=True).map(
        lambda names: tuple(sorted(names))
    ),
)


def test_no_reading_is_unknown_not_neutral():
    assert reading_features([]) == dict.fromkeys(TEXT_FEATURES)


def test_who_asked_for_a_quote_is_buying_whatever_else_they_said():
    said = [
        TextReading("positive", "other"),
        TextReading("neutral", "buy"),
        TextReading("negative", "complain"),
    ]
    assert reading_features(said)["text_intent"] == "buy"


def test_the_mood_is_the_mean_and_the_commonest_pain_point_counts():
    said = [
        TextReading("positive", "other", ("time",)),
        TextReading("positive", "other", ("price", "time")),
        TextReading("negative", "other", ("price",)),
        TextReading("neutral", "other", ("results",)),
    ]
    features = reading_features(said)
    assert features["text_sentiment"] == 0.25
    assert features["text_pain_point"] == "price"
    assert reading_features(said[:2])["text_pain_point"] == "time"


def test_read_and_without_a_pain_point_is_none_not_unknown():
    assert reading_features([TextReading("neutral", "learn")])["text_pain_point"] == "none"


@given(st.lists(readings), st.randoms(use_true_random=False))
def test_the_order_of_the_readings_changes_nothing(read, chance):
    shuffled = list(read)
    chance.shuffle(shuffled)
    assert reading_features(shuffled) == reading_features(read)
    assert set(reading_features(read)) == set(TEXT_FEATURES)


@given(st.text(), st.text(), st.text(), st.text())
def test_keys_are_equal_exactly_when_text_and_reader_are(one, other, reader, other_reader):
    same = (one, reader) == (other, other_reader)
    # A reader's name is one line: ours hold no line break.
    reader, other_reader = reader.replace("\n", ""), other_reader.replace("\n", "")
    keys = text_key(RedactedText(one), reader), text_key(RedactedText(other), other_reader)
    assert (keys[0] == keys[1]) == (same or (one, reader) == (other, other_reader))


def test_a_key_holds_nothing_of_the_text():
    assert len(text_key(RedactedText("\udc80 emparejado a medias"), "openai/m/1")) == 64


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_never_more_than_the_budget_is_spent(spent, budget):
    assert may_ask(spent, budget) >= 0
    assert spent >= budget or spent + may_ask(spent, budget) == budget
    assert spent < budget or may_ask(spent, budget) == 0
