"""What a lead's own words say: a reading per question, chat line or survey answer, and features made of them.

text -> redact (app.domain.redaction) -> reading (a vendor's, or app.domain.local_reading) -> features.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NewType, get_args

from app.domain.records import Features

Sentiment = Literal["positive", "neutral", "negative"]
SENTIMENTS: tuple[Sentiment, ...] = get_args(Sentiment)

Intent = Literal["buy", "complain", "learn", "other"]
INTENTS: tuple[Intent, ...] = get_args(Intent)
"""The one that matters most first: who once asked for a quote is buying, whatever else they said.

buy: price, contract, demo, trial, or whether it fits them. complain: something of ours fails or disappoints.
learn: the subject, the course, the recording. other: greetings, thanks, praise, all else.
"""

RedactedText = NewType("RedactedText", str)
"""Text without the names, addresses and numbers of people: the only kind that may leave for a vendor."""

TEXT_ATTRIBUTE = "text"
"""The attribute of an observation that holds what the person wrote. It goes no further."""

TEXT_FEATURES = ("text_sentiment", "text_intent", "text_pain_point")

_MOOD: dict[Sentiment, float] = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}


@dataclass(frozen=True, slots=True)
class TextReading:
    """What one text says. `pain_points` are names of `mappings/texts.toml`, each once, sorted."""

    sentiment: Sentiment
    intent: Intent
    pain_points: tuple[str, ...] = ()


def text_key(text: RedactedText, reader: str) -> str:
    """The key under which a reading is kept, so that the same words are never paid for twice.

    `reader` names who reads and by which instructions: a changed model or instruction reads anew. Made of the
    redacted text, so equal questions of two people share a key and the key tells nothing of either.
    """
    return hashlib.sha256(f"{reader}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def may_ask(spent: int, budget: int) -> int:
    """How many texts may still be sent today; 0 is none. Both are counted in texts: each has a longest
    length, so texts bound the cost.
    """
    return max(0, budget - spent)


def reading_features(readings: Iterable[TextReading]) -> Features:
    """The features of the one lead whose readings these are, whatever their order.

    text_sentiment: mean from -1 to 1. text_intent: the weightiest one seen. text_pain_point: the most
    frequent, of equals the first by name. Without readings each is unknown; read and without any is "none".
    """
    read = list(readings)
    if not read:
        return dict.fromkeys(TEXT_FEATURES)
    points = Counter(point for reading in read for point in set(reading.pain_points))
    return {
        "text_sentiment": sum(_MOOD[reading.sentiment] for reading in read) / len(read),
        "text_intent": min((reading.intent for reading in read), key=INTENTS.index),
        "text_pain_point": min(points, key=lambda point: (-points[point], point), default="none"),
    }
