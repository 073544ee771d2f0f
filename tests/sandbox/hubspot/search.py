"""Search over contacts, deals and tasks: filters, one sort, offsets, and the index that may lag."""

from __future__ import annotations

import re
from operator import eq, ge, gt, le, lt
from typing import Any

from tests.sandbox.hubspot.answers import Answer, Json, invalid
from tests.sandbox.hubspot.batches import not_text
from tests.sandbox.hubspot.crm import Crm
from tests.sandbox.hubspot.records import CREATED, KINDS, CrmRecord, Kind
from tests.sandbox.hubspot.values import instant

MAX_LIMIT = 200
MAX_RESULTS = 10_000
MAX_GROUPS, MAX_FILTERS, MAX_ALL_FILTERS = 5, 6, 18
MAX_QUERY = 3000
_ONE_VALUE = ("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN")
_MANY_VALUES = ("IN", "NOT_IN")
_NO_VALUE = ("HAS_PROPERTY", "NOT_HAS_PROPERTY")
_WORD = re.compile(r"[\w*]+")
_SEARCHED = {
    "contacts": ("email", "firstname", "lastname", "phone", "company", "hs_additional_emails"),
    "deals": ("dealname", "pipeline", "dealstage"),
    "tasks": ("hs_task_subject", "hs_task_body"),
}


def search(crm: Crm, kind: Kind, body: Any) -> Answer:
    """One page of matches. `after` is an offset, and nothing beyond 10,000 is ever given."""
    if not isinstance(body, dict):
        raise invalid("Invalid input JSON: expected an object.")
    limit, offset = _limit(body), _offset(body)
    if offset + limit > MAX_RESULTS:
        raise invalid(f"The maximum number of results of a search is {MAX_RESULTS}: got after={offset}")
    groups = _groups(crm, kind, body)
    matches = [record for record in _indexed(crm, kind) if _matches(crm, kind, record, groups, body)]
    matches = _sorted(crm, kind, matches, body.get("sorts") or [])
    page = matches[offset : offset + limit]
    current = crm.records[kind]
    answer: Json = {
        "total": len(matches),
        "results": [current[each.record_id].shown(body.get("properties") or ()) for each in page],
    }
    if offset + limit < len(matches):
        answer["paging"] = {"next": {"after": str(offset + limit)}}
    return Answer(200, answer)


def _limit(body: Json) -> int:
    limit = body.get("limit", 10)
    if not isinstance(limit, int) or not 0 < limit <= MAX_LIMIT:
        raise invalid(f"limit must be a number up to {MAX_LIMIT}, got {limit}")
    return limit


def _offset(body: Json) -> int:
    after = body.get("after") or "0"
    if not isinstance(after, str | int) or not str(after).isdigit():
        raise invalid("after must be the token of a previous answer")
    return int(after)


def _groups(crm: Crm, kind: Kind, body: Json) -> list[list[Json]]:
    if len(body.get("query") or "") > MAX_QUERY:
        raise invalid(f"query is longer than {MAX_QUERY} characters")
    groups = [group.get("filters", []) for group in body.get("filterGroups") or []]
    too_many = len(groups) > MAX_GROUPS or any(len(filters) > MAX_FILTERS for filters in groups)
    if too_many or sum(map(len, groups)) > MAX_ALL_FILTERS:
        raise invalid(f"At most {MAX_GROUPS} groups of {MAX_FILTERS} filters, {MAX_ALL_FILTERS} in all")
    for filters in groups:
        for each in filters:
            _check_filter(crm, kind, each)
    return groups


def _check_filter(crm: Crm, kind: Kind, each: Json) -> None:
    name, operator = each.get("propertyName", ""), each.get("operator")
    linked = name.startswith("associations.") and name.removeprefix("associations.") in KINDS
    if not linked and name not in crm.schemas[kind].properties:
        raise invalid(f"There was a problem with the request: property {name} does not exist")
    if operator in _ONE_VALUE:
        wanted = [each.get("value")]
    elif operator == "BETWEEN":
        wanted = [each.get("value"), each.get("highValue")]
    elif operator in _MANY_VALUES:
        wanted = each.get("values") or [None]
    elif operator in _NO_VALUE:
        wanted = []
    else:
        raise invalid(f"Unknown filter operator {operator}")
    for value in wanted:
        if not isinstance(value, str):
            raise not_text(f"filter on {name}", value)


def _indexed(crm: Crm, kind: Kind) -> list[CrmRecord]:
    """The records as the index knows them: what changed within the lag is still as it was."""
    now = crm.now()
    known = []
    for record in crm.records[kind].values():
        stale = record.stale
        if stale is None or stale.until <= now:
            known.append(record)
        elif stale.properties is not None:
            known.append(CrmRecord(record.record_id, kind, stale.properties))
    return known


def _matches(crm: Crm, kind: Kind, record: CrmRecord, groups: list[list[Json]], body: Json) -> bool:
    query = (body.get("query") or "").lower()
    if query:
        text = " ".join(record.properties.get(name, "") for name in _SEARCHED[kind]).lower()
        if not all(word in text for word in query.split()):
            return False
    if not groups:
        return True
    return any(all(_passes(crm, kind, record, each) for each in filters) for filters in groups)


def _passes(crm: Crm, kind: Kind, record: CrmRecord, rule: Json) -> bool:
    name, operator = rule["propertyName"], rule["operator"]
    if name.startswith("associations."):
        other = KINDS[name.removeprefix("associations.")]
        linked = crm.links.of(kind, record.record_id, other)
        wanted = rule.get("values") or [rule.get("value")]
        return any(each in linked for each in wanted)
    have = record.properties.get(name, "")
    if operator in _NO_VALUE:
        return bool(have) is (operator == "HAS_PROPERTY")
    if operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN"):
        return not _passes(crm, kind, record, rule | {"operator": _OPPOSITE[operator]})
    if not have:
        return False
    if operator == "CONTAINS_TOKEN":
        return _contains(have, rule["value"])
    return _compares(crm.schemas[kind].properties[name].type, have, rule)


_OPPOSITE = {"NEQ": "EQ", "NOT_IN": "IN", "NOT_CONTAINS_TOKEN": "CONTAINS_TOKEN"}


def _compares(type_: str, have: str, rule: Json) -> bool:
    operator = rule["operator"]
    mine = _ordered(type_, have)
    if operator == "IN":
        # The values of IN must be written in lower case, or texts never match.
        mine = have if type_ == "enumeration" else mine
        return any(_ordered(type_, value, fold=False) == mine for value in rule["values"])
    value = _ordered(type_, rule["value"])
    if operator == "BETWEEN":
        return bool(value <= mine <= _ordered(type_, rule["highValue"]))
    return bool(_COMPARISONS[operator](mine, value))


_COMPARISONS = {"EQ": eq, "LT": lt, "LTE": le, "GT": gt, "GTE": ge}


def _ordered(type_: str, value: str, *, fold: bool = True) -> Any:
    """A value in the order of its type: numbers and times as numbers, texts without regard to case."""
    if type_ == "number":
        try:
            return float(value)
        except ValueError:
            raise invalid(f"{value} is not a number") from None
    if type_ in ("datetime", "date"):
        at = instant(value)
        if at is None:
            raise invalid(f"{value} is not a time")
        return at
    return value.lower() if fold else value


def _contains(have: str, wanted: str) -> bool:
    """Every word of `wanted` is a word of `have`; `*` stands for any letters."""
    words = [word.lower() for word in _WORD.findall(have)]
    for word in _WORD.findall(wanted.lower()):
        pattern = re.compile(re.escape(word).replace(r"\*", r"\w*"))
        if not any(pattern.fullmatch(each) for each in words):
            return False
    return True


def _sorted(crm: Crm, kind: Kind, matches: list[CrmRecord], sorts: list[Any]) -> list[CrmRecord]:
    if len(sorts) > 1:
        raise invalid("Only one sort is supported")
    rule = sorts[0] if sorts else CREATED[kind]
    name = rule.get("propertyName", "") if isinstance(rule, dict) else rule.lstrip("-")
    falling = rule.get("direction") == "DESCENDING" if isinstance(rule, dict) else rule.startswith("-")
    if name not in crm.schemas[kind].properties:
        raise invalid(f"There was a problem with the request: sort property {name} does not exist")
    type_ = crm.schemas[kind].properties[name].type
    filled = [each for each in matches if name in each.properties]
    empty = [each for each in matches if name not in each.properties]
    filled.sort(
        key=lambda each: (_ordered(type_, each.properties[name]), int(each.record_id)), reverse=falling
    )
    return filled + empty
