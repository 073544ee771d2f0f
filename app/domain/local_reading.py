"""Reads a text by word lists, where no vendor is asked: without a key, beyond the budget, after a refusal.

Spanish and English, without regard to accents and case; a denied word ("no funciona") counts as its opposite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.domain.features import fold
from app.domain.texts import INTENTS, Intent, Sentiment, TextReading

_CLAUSE = re.compile(r"[.,;:!?¿¡…\n()]+|\b(?:pero|aunque|sino|but|although)\b", re.I)


@dataclass(frozen=True, slots=True)
class WordList:
    """Words and phrases that say one thing. `word*` is any ending. `when_denied` count only with a denial
    before them, `words` only without one.
    """

    words: tuple[str, ...] = ()
    when_denied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PainPoint:
    """Something that holds leads back. `meaning` is what a vendor's reader is told it stands for."""

    meaning: str
    words: tuple[str, ...]
    when_denied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextWords:
    """`texts.toml` as read. A denial reaches `reach` words on, never past a clause."""

    denials: tuple[str, ...]
    reach: int
    sentiment: Mapping[Sentiment, WordList]
    intent: Mapping[Intent, WordList]
    pain_points: Mapping[str, PainPoint]


def read_locally(text: str, words: TextWords) -> TextReading:
    """The reading of one text, which need not be redacted: it stays here."""
    clauses = [folded for clause in _CLAUSE.split(text) if (folded := fold(clause))]

    def count(listed: WordList | PainPoint) -> int:
        return _count(listed, clauses, words)

    points = tuple(sorted(name for name, listed in words.pain_points.items() if count(listed)))
    sentiment = _sentiment(words, count)
    return TextReading(sentiment, _intent(words, count, asks="?" in text), points)


def _sentiment(words: TextWords, count: Callable[[WordList], int]) -> Sentiment:
    """The mood with more words; praise denied is blame, and a fault denied is nothing."""
    good, bad = words.sentiment["positive"], words.sentiment["negative"]
    balance = count(good) - count(bad) - count(WordList(when_denied=good.words))
    return "positive" if balance > 0 else "negative" if balance < 0 else "neutral"


def _intent(words: TextWords, count: Callable[[WordList], int], *, asks: bool) -> Intent:
    """The intent with most words, of equals the weightier; a question without any wants to learn."""
    found = {intent: count(listed) for intent, listed in words.intent.items()}
    best = max(INTENTS, key=lambda intent: found.get(intent, 0))
    if found.get(best, 0):
        return best
    return "learn" if asks else "other"


def _count(listed: WordList | PainPoint, clauses: Sequence[str], words: TextWords) -> int:
    plain = sum(not is_denied for is_denied in _found(listed.words, clauses, words))
    return plain + sum(_found(listed.when_denied, clauses, words))


def _found(entries: tuple[str, ...], clauses: Sequence[str], words: TextWords) -> Iterator[bool]:
    """For each place in the clauses where one of the entries stands: is it denied?"""
    if not entries:
        return
    pattern = _pattern(entries)
    for clause in clauses:
        for match in pattern.finditer(clause):
            before = clause[: match.start()].split()[-words.reach :]
            yield any(word in words.denials for word in before)


@lru_cache(maxsize=256)
def _pattern(entries: tuple[str, ...]) -> re.Pattern[str]:
    """Finds any of the entries as whole words; of two that begin alike, the longer."""
    written = sorted((_entry(entry) for entry in entries), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(written)})\b")


def _entry(entry: str) -> str:
    return " ".join(re.escape(fold(word)) + (r"\w*" if word.endswith("*") else "") for word in entry.split())


def text_words_faults(words: TextWords) -> list[tuple[str, str]]:
    """What is wrong with the table, as (key, what would be right)."""
    faults = [
        (f"sentiment.{mood}", "is missing")
        for mood in ("positive", "negative")
        if mood not in words.sentiment
    ]
    if words.reach < 1:
        faults.append(("reach", "must be 1 or more"))
    faults += [
        ("denials", f'"{word}" must be one folded word') for word in words.denials if fold(word) != word
    ]
    return faults + [
        (key, f'"{entry}" holds no word') for key, entry in _entries(words) if not _is_entry(entry)
    ]


def _entries(words: TextWords) -> Iterator[tuple[str, str]]:
    lists: list[tuple[str, WordList | PainPoint]] = [
        *((f"sentiment.{name}", listed) for name, listed in words.sentiment.items()),
        *((f"intent.{name}", listed) for name, listed in words.intent.items()),
        *((f"pain_points.{name}", listed) for name, listed in words.pain_points.items()),
    ]
    return ((key, entry) for key, listed in lists for entry in (*listed.words, *listed.when_denied))


def _is_entry(entry: str) -> bool:
    return bool(entry.split()) and all(len(fold(word).split()) == 1 for word in entry.split())
