"""The word lists as shipped: what they understand, and how far they agree with people."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.local_reading import PainPoint, TextWords, WordList, read_locally, text_words_faults
from app.domain.texts import INTENTS, SENTIMENTS, TextReading
from mappings.load import FOLDER
from mappings.read import read_toml

FIXTURES = Path(__file__).parents[1] / "fixtures" / "texts"


def shipped() -> TextWords:
    faults = []
    words = read_toml(FOLDER / "texts.toml", TextWords, faults)
    assert words is not None, faults
    return words


WORDS = shipped()


def labelled(half: str) -> list[tuple[str, TextReading]]:
    with (FIXTURES / f"{half}.tsv").open(encoding="utf-8", newline="") as file:
        return list(_labels(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)))


def _labels(rows: csv.DictReader[str]) -> Iterator[tuple[str, TextReading]]:
    for row in rows:
        points = () if row["pain_points"] == "-" else tuple(sorted(row["pain_points"].split(",")))
        yield row["text"], TextReading(row["sentiment"], row["intent"], points)


def test_the_labels_are_known_and_no_message_stands_in_both_halves():
    tuning, held_out = labelled("tuning"), labelled("held_out")
    assert len(held_out) >= 60
    assert not {text for text, _ in tuning} & {text for text, _ in held_out}
    for _, label in (*tuning, *held_out):
        assert label.sentiment in SENTIMENTS
        assert label.intent in INTENTS
        assert set(label.pain_points) <= set(WORDS.pain_points)


@pytest.mark.parametrize(("part", "floor"), [("sentiment", 0.78), ("intent", 0.76), ("pain_points", 0.82)])
def test_the_word_lists_agree_with_people_on_messages_they_were_not_chosen_on(part, floor):
    pairs = [
        (getattr(read_locally(text, WORDS), part), getattr(label, part))
        for text, label in labelled("held_out")
    ]
    assert sum(read == meant for read, meant in pairs) / len(pairs) >= floor


def test_a_mood_they_name_is_seldom_wrong():
    read = [(read_locally(text, WORDS).sentiment, label.sentiment) for text, label in labelled("held_out")]
    named = [(mood, meant) for mood, meant in read if mood != "neutral"]
    assert sum(mood == meant for mood, meant in named) / len(named) >= 0.9


@pytest.mark.parametrize(
    ("text", "sentiment", "intent"),
    [
        ("NO FUNCIONA EL AUDIO", "negative", "complain"),
        ("funciona muy bien", "positive", "other"),
        ("no me ha gustado", "negative", "other"),
        ("sin problemas", "neutral", "other"),
        ("no, me ha gustado", "positive", "other"),
        ("cuanto cuesta", "neutral", "buy"),
        ("no queremos contratar nada", "neutral", "other"),
        ("I don't hear anything", "negative", "complain"),
        ("How much does it cost? Great talk", "positive", "buy"),
        ("", "neutral", "other"),
        ("🚀", "neutral", "other"),
    ],
)
def test_accents_capitals_and_denials_are_understood(text, sentiment, intent):
    read = read_locally(text, WORDS)
    assert (read.sentiment, read.intent) == (sentiment, intent)


@given(st.text(), st.text())
def test_any_text_is_read(one, other):
    read = read_locally(one + other, WORDS)
    assert read.pain_points == tuple(sorted(set(read.pain_points)))
    assert read_locally((one + other).upper().lower(), WORDS).intent in INTENTS


def test_the_shipped_table_has_no_fault():
    assert text_words_faults(WORDS) == []


def test_every_fault_of_the_table_is_named_by_its_key():
    wrong = replace(
        WORDS,
        denials=("No",),
        reach=0,
        sentiment={"positive": WordList()},
        pain_points={"price": PainPoint("it costs", ("¿?",), ("re-do",))},
    )
    assert [key for key, _ in text_words_faults(wrong)] == [
        "sentiment.negative",
        "reach",
        "denials",
        "pain_points.price",
        "pain_points.price",
    ]
