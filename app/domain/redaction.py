"""Takes out of a text what tells who wrote it, before it is shown to a vendor.

When in doubt it takes out: a reading survives a lost word, a name that was sent cannot be called back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from app.domain.texts import RedactedText

LONGEST = 1_000
"""Letters kept of a text: what is asked stands at its beginning, and it bounds what a reading costs."""

GAP = "[…]"
"""Stands where something was taken out. Without letters, so that no name can match it."""

_NOT_IN_EMAIL = r"[^\s@<>()\[\],;:]+"
_AT = r"(?:@|\s@\s?|\s?[\[(]\s?(?:at|arroba)\s?[\])]\s?|\s+arroba\s+)"
_DOT_SPOKEN = r"(?:\s*[\[(]?\s?\b(?:dot|punto)\b\s?[\])]?\s*\w+)*"
_ADDRESSES = (
    re.compile(_NOT_IN_EMAIL + _AT + _NOT_IN_EMAIL + _DOT_SPOKEN, re.I),
    re.compile(r"\b(?:[a-z][a-z0-9+.-]*://|www\.)\S+|\b(?:[\w-]+\.)+[^\W\d_]{2,24}\b(?:[/:?#]\S*)?", re.I),
    re.compile(r"[@#][\w.-]+"),
    # Six digits and more: phones, identity papers, bank accounts; dates and large sums go with them.
    re.compile(r"\+?\w{0,2}(?:\d[\s.,()/_-]{0,3}){5,}\d\w?"),
)
_INTRODUCED = re.compile(
    r"\b(?P<cue>me llamo|mi nombre es|mi empresa es|trabajo (?:en|para)|my name is|i work (?:at|for))\s+"
    r"(?:(?:de|del|la|el|los|las|the|empresa|company)\s+)*[\w&'’-]+",
    re.I,
)
_CAPITALISED = r"[^\W\d_a-zà-öø-ÿ](?:[\w&'’-]*[a-zà-öø-ÿ][\w&'’-]*)"
_CAPITALISED_RUN = re.compile(rf"(?<!\w){_CAPITALISED}(?:\s+(?:(?:de|del|la|y|&)\s+){{0,2}}{_CAPITALISED})*")
_TITLED = re.compile(rf"\b(?P<cue>(?i:sra?|dra?|lic|ing|don|doña|mrs?|ms)\.?)\s+{_CAPITALISED}")
_WITHIN_SENTENCE = re.compile(r"(?:[\w,;:&/)\]\"'’»-]|\b\w\.)\s*$")
_OPENERS = frozenset((
    "hola", "buenos", "buenas", "muy", "muchas", "mil", "gracias", "genial", "excelente", "perfecto",
    "saludos", "hello", "hi", "thanks", "great",
))  # fmt: skip
_PARTICLES = frozenset(("de", "del", "la", "las", "los", "con", "sin", "para", "por", "the", "and", "for"))
_WORD = re.compile(r"[^\W_]+")


def redact(text: str, known: Sequence[str]) -> RedactedText:
    """`text` with a gap in place of e-mail and web addresses, tags, long numbers, what is `known` of the lead
    (names, company; in any case, with or without accents, each of its words), self-introductions, and proper
    names as far as a capital inside a sentence shows them. What stays: a name that nobody told us of, written
    in small letters or all in capitals.
    """
    shown = _beginning(_plain(text))
    for pattern in _ADDRESSES:
        shown = pattern.sub(GAP, shown)
    shown = _without(shown, known)
    for pattern in (_INTRODUCED, _TITLED):
        shown = pattern.sub(lambda found: f"{found['cue']} {GAP}", shown)
    shown = _CAPITALISED_RUN.sub(_unless_plain_word, shown)
    return RedactedText(" ".join(shown.split())[:LONGEST])


def _plain(text: str) -> str:
    """One way of writing each letter and nothing invisible between them: either could hide a name."""
    return "".join(
        " " if unicodedata.category(letter) == "Cc" and letter != "\n" else letter
        for letter in unicodedata.normalize("NFKC", text)
        if unicodedata.category(letter) not in {"Cf", "Cs"}
    )


def _beginning(text: str) -> str:
    """Whole words from the front, more than will be kept: half a name would not be recognised."""
    if len(text) <= 2 * LONGEST:
        return text
    whole = re.match(r"(?s).*\s", text[: 2 * LONGEST])
    return whole[0] if whole else GAP


def _without(text: str, known: Iterable[str]) -> str:
    """`text` with a gap where something known stands. Compared without accents and case, word by word."""
    folded, origin = _folded_with_origin(text)
    pieces, end = [], 0
    for start, stop in _merged(_spans(folded, known)):
        pieces += [text[end : origin[start]], GAP]
        end = origin[stop - 1] + 1
    return "".join(pieces) + text[end:]


def _spans(folded: str, known: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where something known stands: all of it, however its words are joined, or a telling word of it."""
    for name in known:
        words = _WORD.findall(_folded_with_origin(_plain(name))[0])
        if len("".join(words)) < 2:
            continue  # an initial would take every such letter with it
        whole = r"[\W_]*".join(map(re.escape, words))
        parts = [re.escape(word) for word in words if len(word) > 2 and word not in _PARTICLES]
        for found in re.finditer(rf"(?<![^\W_])(?:{'|'.join([whole, *parts])})(?![^\W_])", folded):
            yield found.span()


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _folded_with_origin(text: str) -> tuple[str, list[int]]:
    """`text` without accents and case, and for each of its letters the place it has in `text`."""
    letters, origin = [], []
    for place, letter in enumerate(text):
        for plain in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold()):
            if not unicodedata.combining(plain):
                letters.append(plain)
                origin.append(place)
    return "".join(letters), origin


def _unless_plain_word(found: re.Match[str]) -> str:
    """A gap for a run of capitalised words, except for the one a sentence begins with and for greetings."""
    first, *rest = found[0].split(maxsplit=1)
    if first.casefold() in _OPENERS:
        return f"{first} {GAP}" if rest else first
    begins = not _WITHIN_SENTENCE.search(found.string[: found.start()])
    return found[0] if begins and not rest else GAP
