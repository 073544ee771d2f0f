"""The table of what each feature is made of, as `features.toml` says it, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

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


def of_attribute(rule: FeatureRule) -> bool:
    """Is this feature an attribute of one of its activities?"""
    return rule.aggregate in ("earliest", "latest")


def is_counted(rule: FeatureRule) -> bool:
    """Is this feature a number made of activities?"""
    return bool(rule.activities) and not of_attribute(rule)


def is_number(rule: FeatureRule) -> bool:
    """Does this feature hold a number (else a category)?"""
    return rule.from_engagement or is_counted(rule) or rule.parse != "category"


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
    if of_attribute(rule) and not rule.attribute:
        yield ".attribute", f'is needed by aggregate "{rule.aggregate}"'
    if rule.profiles and is_counted(rule) and rule.parse == "category":
        yield ".parse", 'must be "number" or "size": its activities are counted'
    for name in rule.profiles:
        if "." not in name:
            yield ".profiles", f'"{name}" must read source.field'
