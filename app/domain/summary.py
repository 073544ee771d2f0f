"""facts -> summary: what one lead's facts come to; its features at a later moment follow from that alone.

Only fading moves with time alone, until the next moment at which something else does: there a summary ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isnan, nan

from app.domain.attendance import StoredObservation
from app.domain.engagement import EngagementRules, Worth
from app.domain.feature_table import FEATURES, FeatureTable, is_number
from app.domain.features import begins_at
from app.domain.machine_clicks import MachineRules
from app.domain.records import Activity, Features, FeatureValue, Occurrence

_MOMENT = timedelta(microseconds=1)

OPEN_STAY = timedelta(minutes=5)
"""Who is in a webinar now is looked at again this often, until the stay's end: its minutes grow."""

FORM = 1
"""Goes up when this code makes other summaries of the same facts and rules."""

_LEARNT = "learnt "
_ZERO = "\x1d"  # a category whose absence means 0; no category holds this sign
BETWEEN = "\x1f"

_STAYS = ("webinar_join", "webinar_leave", "webinar_segment")


@dataclass(frozen=True, slots=True)
class Hold:
    """From when (`since`) and before when (`until`) nothing but fading changes; when to look at the facts
    again. None where time alone brings nothing.
    """

    since: datetime
    until: datetime | None
    look_at: datetime | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a lead's facts come to. `features` as shown, `learnt` as models may know them: right while it
    is `held`, but for those made of engagement, which follow from `worth`.
    """

    features: Features
    learnt: Features
    worth: Worth
    held: Hold


def hold(
    observations: Sequence[StoredObservation],
    occurrences: Mapping[str, Occurrence],
    activities: Iterable[Activity],
    at: datetime,
) -> Hold:
    """How long what was derived at `at` from these facts of one lead stays as it is.

    While the lead stays in a webinar run it holds for that moment alone, since the minutes grow.
    """
    stays = list(_stays(observations, occurrences))
    moments = {seen.occurred_at for seen in observations} | {end for _, end in stays}
    moments |= {
        starts
        for item in activities
        if item.kind == "webinar_registration" and (starts := begins_at(item)) is not None
    }
    since = max((moment for moment in moments if moment <= at), default=at)
    following = min((moment for moment in moments if moment > at), default=None)
    if any(begin <= at < end for begin, end in stays):
        soon = at + OPEN_STAY
        return Hold(at, at + _MOMENT, soon if following is None else min(soon, following))
    return Hold(since, following, following)


def _stays(
    observations: Sequence[StoredObservation], occurrences: Mapping[str, Occurrence]
) -> Iterator[tuple[datetime, datetime]]:
    """For each run the lead was in: from the first thing seen of it to the last that could end there."""
    runs: dict[str, list[StoredObservation]] = {}
    for seen in observations:
        runs.setdefault(seen.scope, []).append(seen)
    for uuid, seen_there in runs.items():
        stays = [seen for seen in seen_there if seen.kind in _STAYS]
        if not stays:
            continue
        ends = [seen.occurred_at for seen in seen_there]
        ends += [
            seen.occurred_at + timedelta(seconds=seen.quantity)
            for seen in stays
            if seen.kind == "webinar_segment"
        ]
        run = occurrences.get(uuid)
        if run is not None and run.ends_at is not None:
            ends.append(run.ends_at)
        yield min(seen.occurred_at for seen in stays), max(ends)


@dataclass(frozen=True, slots=True)
class Layout:
    """How summaries' features lie side by side: `numbers` and `words` are names, "learnt " before those that
    models know otherwise; `moving` are made of engagement and lie nowhere.
    """

    numbers: tuple[str, ...]
    words: tuple[str, ...]
    moving: tuple[str, ...]

    def pack(self, summary: Summary) -> tuple[tuple[float, ...], str]:
        """Numbers, unknown as NaN, and words, each followed by BETWEEN."""
        numbers = tuple(_as_number(_value(summary, name)) for name in self.numbers)
        return numbers, "".join(_as_word(_value(summary, name)) + BETWEEN for name in self.words)

    def unpack(
        self, numbers: Sequence[float], words: Sequence[str], total: float
    ) -> tuple[Features, Features]:
        """The features as shown and as learnt, with engagement at `total`."""
        found: dict[str, FeatureValue] = {
            name: None if isnan(value) else value for name, value in zip(self.numbers, numbers, strict=True)
        }
        found |= {name: _from_word(word) for name, word in zip(self.words, words, strict=True)}
        found |= dict.fromkeys(self.moving, total)
        shown = {name: found[name] for name in FEATURES}
        return shown, {name: found.get(_LEARNT + name, shown[name]) for name in FEATURES}

    @staticmethod
    def cells(words: Sequence[str]) -> Sequence[str]:
        """One word of many leads, as a table's column says it."""
        return [str(0.0) if word == _ZERO else word for word in words] if _ZERO in words else words

    def learnt(self, name: str) -> str:
        """Where the value of feature `name` lies that models know."""
        return _LEARNT + name if _LEARNT + name in self.numbers + self.words else name


def learnt_apart(table: FeatureTable) -> tuple[str, ...]:
    """The features that models know otherwise than they are shown."""
    later = set(table.filled_later)
    return tuple(name for name in FEATURES if not later.isdisjoint(table.features[name].profiles))


def layout(table: FeatureTable) -> Layout:
    """The layout of summaries made by `table`."""
    rules = table.features
    moving = tuple(name for name in FEATURES if rules[name].from_engagement)
    fixed = [name for name in FEATURES if name not in moving]
    fixed += [_LEARNT + name for name in learnt_apart(table) if name not in moving]
    numbers = tuple(name for name in fixed if is_number(rules[name.removeprefix(_LEARNT)]))
    return Layout(numbers, tuple(name for name in fixed if name not in numbers), moving)


def summary_key(table: FeatureTable, engagement: EngagementRules, machine: MachineRules) -> str:
    """Names the rules a summary was made by: under others it is made anew from the facts."""
    told = repr((FORM, table, engagement, machine))
    return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _value(summary: Summary, name: str) -> FeatureValue:
    if name.startswith(_LEARNT):
        return summary.learnt[name.removeprefix(_LEARNT)]
    return summary.features[name]


def _as_number(value: FeatureValue) -> float:
    return float(value) if isinstance(value, float | int) else nan


def _as_word(value: FeatureValue) -> str:
    return _ZERO if isinstance(value, float) else value or ""


def _from_word(word: str) -> FeatureValue:
    return 0.0 if word == _ZERO else word or None
