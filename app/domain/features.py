"""activities + profiles -> features (the seed's twenty and one more), by a table of what each is made of.

Unknown is never zero: a feature without a source is None unless its row says when absence means none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Literal

from app.domain.engagement import Engagement
from app.domain.records import Activity, Features, FeatureValue, Profile

FEATURES = (
    "webinar_attendance_duration", "chat_participation", "qa_participation", "poll_participation",
    "email_opens", "email_clicks", "website_visits", "social_engagement",
    "company_size", "industry", "job_title", "budget_range", "decision_authority",
    "time_to_register", "source_traffic", "device_type", "geographic_location",
    "previous_webinars", "engagement_score", "content_consumption",
    "purchase_time_frame",
)  # fmt: skip
"""The seed's twenty, in its order (IntelligentLeadScoring.features), then what a registration form asks
beside them: it gives no points, since the seed gives it none, and models may learn from it.
"""

LONGEST_CATEGORY = 120
"""A category is a short text; a 10 kB job title is cut here."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FeatureRule:
    """One row of the table: what a feature is made of, its unit, and what it means when nothing is found.

    `activities` are kinds, brought to one value by `aggregate` (of `attribute` for "earliest" and "latest").
    `profiles` are "source.field", the most trusted first. Where both exist, `combine` says which counts.
    `aliases` bring spellings of one category together; `sizes` are words that stand for a number.
    `from_engagement` is the engagement total. `customer_supplied` marks a field the customer must add.
    """

    unit: str
    missing: Literal["unknown", "zero", "zero_after_webinar", "zero_if_registered"]
    activities: tuple[str, ...] = ()
    aggregate: Literal["count", "sum", "earlier_runs", "hours_before_start", "earliest", "latest"] = "count"
    attribute: str = ""
    profiles: tuple[str, ...] = ()
    parse: Literal["number", "size", "category"] = "number"
    combine: Literal["profile_first", "max", "sum"] = "profile_first"
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sizes: Mapping[str, float] = field(default_factory=dict)
    from_engagement: bool = False
    customer_supplied: bool = False


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """`features.toml` as read: feature name -> its row.

    `filled_later` are profile fields that go on changing after a lead converts. Profiles are snapshots, so
    today's value would tell a model the answer: it never reads them.
    """

    features: Mapping[str, FeatureRule]
    filled_later: tuple[str, ...] = ()

    def before_the_outcome(self) -> FeatureTable:
        """The same features from what was known beforehand: the table models learn by and score by."""
        later = set(self.filled_later)
        rules = {
            name: replace(rule, profiles=tuple(one for one in rule.profiles if one not in later))
            for name, rule in self.features.items()
        }
        return FeatureTable(rules, self.filled_later)


def compute_features(
    activities: Iterable[Activity],
    profiles: Iterable[Profile],
    engagement: Engagement,
    table: FeatureTable,
    now: datetime,
    names: Sequence[str] = FEATURES,
) -> Features:
    """These features (all, unless named) of the one lead whose activities and profiles these are, at `now`.

    Activities after `now` and those of machines (attribute `machine`) do not count.
    """
    counted = sorted(
        (
            item
            for item in activities
            if item.occurred_at <= now and item.attributes.get("machine") is not True
        ),
        key=lambda item: (item.occurred_at, item.kind, item.fact_key),
    )
    held = _latest_fields(profiles)
    found: dict[str, FeatureValue] = {}
    for name in names:
        rule = table.features[name]
        value = engagement.total if rule.from_engagement else _from_sources(rule, counted, held)
        found[name] = _when_missing(rule, counted, now) if value is None else value
    return found


def _from_sources(rule: FeatureRule, counted: Sequence[Activity], held: Mapping[str, str]) -> FeatureValue:
    of_profile = _from_profiles(rule, held)
    of_activities = _from_activities(rule, counted)
    if isinstance(of_profile, float) and isinstance(of_activities, float) and rule.combine != "profile_first":
        return max(of_profile, of_activities) if rule.combine == "max" else of_profile + of_activities
    return of_activities if of_profile is None else of_profile


def _when_missing(rule: FeatureRule, counted: Sequence[Activity], now: datetime) -> FeatureValue:
    """0.0 where the row says that absence means none, else None."""
    if rule.missing == "unknown":
        return None
    if rule.missing == "zero":
        return 0.0
    registered = any(item.kind in ("webinar_registration", "webinar_attendance") for item in counted)
    could_attend = any(item.kind == "webinar_attendance" or _has_begun(item, now) for item in counted)
    return 0.0 if (registered if rule.missing == "zero_if_registered" else could_attend) else None


def _has_begun(item: Activity, now: datetime) -> bool:
    starts_at = begins_at(item) if item.kind == "webinar_registration" else None
    return starts_at is not None and starts_at <= now


# --- activities ------------------------------------------------------------------------------------------


def _from_activities(rule: FeatureRule, counted: Sequence[Activity]) -> FeatureValue:
    chosen = [item for item in counted if item.kind in rule.activities]
    return _AGGREGATES[rule.aggregate](rule, chosen) if chosen else None


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


# --- the table -------------------------------------------------------------------------------------------

_OF_ATTRIBUTE = ("earliest", "latest")


def feature_faults(table: FeatureTable) -> list[tuple[str, str]]:
    """What is wrong with the table, as (key, what would be right)."""
    missing = [name for name in FEATURES if name not in table.features]
    faults = [(f"features.{name}", "is missing: every one is needed") for name in missing]
    for name, rule in table.features.items():
        if name not in FEATURES:
            faults.append((f"features.{name}", "is not one of the features"))
        faults.extend((f"features.{name}{key}", message) for key, message in _rule_faults(rule))
    read = {name for rule in table.features.values() for name in rule.profiles}
    faults += [
        ("filled_later", f'"{name}" is read by no feature') for name in table.filled_later if name not in read
    ]
    return faults


def _rule_faults(rule: FeatureRule) -> Iterator[tuple[str, str]]:
    if not (rule.activities or rule.profiles or rule.from_engagement or rule.customer_supplied):
        yield "", "needs activities, profiles, from_engagement or customer_supplied = true"
    if rule.aggregate in _OF_ATTRIBUTE and not rule.attribute:
        yield ".attribute", f'is needed by aggregate "{rule.aggregate}"'
    if rule.profiles and _counts(rule) and rule.parse == "category":
        yield ".parse", 'must be "number" or "size": its activities are counted'
    for name in rule.profiles:
        if "." not in name:
            yield ".profiles", f'"{name}" must read source.field'


def _counts(rule: FeatureRule) -> bool:
    return bool(rule.activities) and rule.aggregate not in _OF_ATTRIBUTE


def is_number(rule: FeatureRule) -> bool:
    """Does this feature hold a number (else a category)?"""
    return rule.from_engagement or _counts(rule) or rule.parse != "category"
