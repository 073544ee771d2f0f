"""activities + profiles -> features (the seed's twenty and one more), by a table of what each is made of.

Unknown is never zero: a feature without a source is None unless its row says when absence means none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from math import isfinite

from app.domain.engagement import Engagement
from app.domain.feature_table import FEATURES, FeatureRule, FeatureTable
from app.domain.records import Activity, Features, FeatureValue, Profile

LONGEST_CATEGORY = 120
"""A category is a short text; a 10 kB job title is cut here."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts of one lead at a moment: activities by kind in order of time, "source.field" -> value."""

    acts: Mapping[str, Sequence[Activity]]
    fields: Mapping[str, str]
    at: datetime


def count_facts(activities: Iterable[Activity], profiles: Iterable[Profile], now: datetime) -> Counted:
    """What counts at `now` of the one lead whose activities and profiles these are: neither what is done
    later nor what a machine did (attribute `machine`).
    """
    acts: dict[str, list[Activity]] = {}
    for item in sorted(
        (
            item
            for item in activities
            if item.occurred_at <= now and item.attributes.get("machine") is not True
        ),
        key=_in_time,
    ):
        acts.setdefault(item.kind, []).append(item)
    return Counted(acts, _latest_fields(profiles), now)


def _in_time(item: Activity) -> tuple[datetime, str, str]:
    return item.occurred_at, item.kind, item.fact_key


def compute_features(
    counted: Counted, engagement: Engagement, table: FeatureTable, names: Sequence[str] = FEATURES
) -> Features:
    """These features (all, unless named) of the one lead of whom this counts."""
    found: dict[str, FeatureValue] = {}
    for name in names:
        rule = table.features[name]
        value = engagement.total if rule.from_engagement else _from_sources(rule, counted)
        found[name] = _when_missing(rule, counted) if value is None else value
    return found


def _from_sources(rule: FeatureRule, counted: Counted) -> FeatureValue:
    of_profile = _from_profiles(rule, counted.fields)
    of_activities = _from_activities(rule, counted.acts)
    if isinstance(of_profile, float) and isinstance(of_activities, float) and rule.combine != "profile_first":
        return max(of_profile, of_activities) if rule.combine == "max" else of_profile + of_activities
    return of_activities if of_profile is None else of_profile


def _when_missing(rule: FeatureRule, counted: Counted) -> FeatureValue:
    """0.0 where the row says that absence means none, else None."""
    if rule.missing == "unknown":
        return None
    if rule.missing == "zero":
        return 0.0
    registrations = counted.acts.get("webinar_registration", ())
    known = "webinar_attendance" in counted.acts
    if rule.missing == "zero_if_registered":
        known = known or bool(registrations)
    else:
        known = known or any(_has_begun(item, counted.at) for item in registrations)
    return 0.0 if known else None


def _has_begun(registration: Activity, now: datetime) -> bool:
    starts_at = begins_at(registration)
    return starts_at is not None and starts_at <= now


# --- activities ------------------------------------------------------------------------------------------


def _from_activities(rule: FeatureRule, acts: Mapping[str, Sequence[Activity]]) -> FeatureValue:
    kinds = [items for kind, items in acts.items() if kind in rule.activities]
    if not kinds:
        return None
    chosen = kinds[0] if len(kinds) == 1 else sorted(chain(*kinds), key=_in_time)
    return _AGGREGATES[rule.aggregate](rule, chosen)


def _count(_: FeatureRule, chosen: Sequence[Activity]) -> FeatureValue:
    return float(len(chosen))


def _sum(_: FeatureRule, chosen: Sequence[Activity]) -> FeatureValue:
    return float(sum(item.quantity for item in chosen))


def _earlier_runs(_: FeatureRule, chosen: Sequence[Activity]) -> FeatureValue:
    """Distinct runs attended before the latest one attended."""
    return float(len({item.fact_key for item in chosen}) - 1)


def _hours_before_start(_: FeatureRule, chosen: Sequence[Activity]) -> FeatureValue:
    """From the earliest act whose webinar's start is known to that start; negative when it came after it."""
    for item in chosen:
        starts_at = begins_at(item)
        if starts_at is not None:
            return (starts_at - item.occurred_at) / _HOUR
    return None


def _earliest(rule: FeatureRule, chosen: Sequence[Activity]) -> FeatureValue:
    """The first value of the attribute that says something."""
    values = (_attribute(rule, item) for item in chosen)
    return next((value for value in values if value is not None), None)


def _latest(rule: FeatureRule, chosen: Sequence[Activity]) -> FeatureValue:
    return _earliest(rule, chosen[::-1])


def _attribute(rule: FeatureRule, item: Activity) -> FeatureValue:
    value = item.attributes.get(rule.attribute)
    return None if value is None else _PARSERS[rule.parse](rule, str(value))


_AGGREGATES: Mapping[str, Callable[[FeatureRule, Sequence[Activity]], FeatureValue]] = {
    "count": _count,
    "sum": _sum,
    "earlier_runs": _earlier_runs,
    "hours_before_start": _hours_before_start,
    "earliest": _earliest,
    "latest": _latest,
}


def begins_at(item: Activity) -> datetime | None:
    """When the webinar a registration is for begins: attribute `starts_at`, ISO 8601 with a zone."""
    text = item.attributes.get("starts_at")
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else None


# --- profiles --------------------------------------------------------------------------------------------


def _latest_fields(profiles: Iterable[Profile]) -> dict[str, str]:
    """ "source.field" -> the newest value that says something."""
    held: dict[str, str] = {}
    oldest_first = sorted(profiles, key=lambda item: (item.observed_at, sorted(item.fields.items())))
    for profile in oldest_first:
        held |= {f"{profile.source}.{name}": value for name, value in profile.fields.items() if value.strip()}
    return held


def _from_profiles(rule: FeatureRule, held: Mapping[str, str]) -> FeatureValue:
    """The first source whose value can be read."""
    for name in rule.profiles:
        value = _PARSERS[rule.parse](rule, held[name]) if name in held else None
        if value is not None:
            return value
    return None


# --- reading text ----------------------------------------------------------------------------------------

_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+(?!\d)|\d+(?:[.,]\d+)?")


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Lower-case words without accents or signs, one space between them: " Dueño/CEO " -> "dueno ceo"."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(re.findall(r"[^\W_]+", bare.casefold()))


def _read_number(_: FeatureRule, text: str) -> FeatureValue:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _read_size(rule: FeatureRule, text: str) -> FeatureValue:
    """A head count: "1-20" -> 10.5, "500-1,000" -> 750, "More than 10,000" -> 10000, words by table."""
    numbers = [number for number in map(_size_number, _GROUPED.findall(text)) if isfinite(number)]
    if len(numbers) == 2:
        return sum(numbers) / 2
    if numbers:
        return numbers[0]
    return {fold(word): float(size) for word, size in rule.sizes.items()}.get(fold(text))


def _size_number(digits: str) -> float:
    """Three digits after a mark are thousands in either language: nobody counts thousandths of people."""
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", digits):
        return float(re.sub(r"[.,]", "", digits))
    return float(digits.replace(",", "."))


def _read_category(rule: FeatureRule, text: str) -> FeatureValue:
    """The text, trimmed and cut, or the one name its spelling stands for."""
    shown = " ".join(text.split())[:LONGEST_CATEGORY]
    folded = fold(shown)
    for name, spellings in rule.aliases.items():
        if folded == fold(name) or folded in map(fold, spellings):
            return name
    return shown or None


_PARSERS: Mapping[str, Callable[[FeatureRule, str], FeatureValue]] = {
    "number": _read_number,
    "size": _read_size,
    "category": _read_category,
}
