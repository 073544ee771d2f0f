"""runReport: a request's JSON against a property, answered as the Data API answers, refusals included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from tests.sandbox.ga4.errors import bad_request
from tests.sandbox.ga4.property import METRICS, OTHER, Ga4Property, Row

Asked = Mapping[str, Any]
Counts = Counter[Row]


def run_report(prop: Ga4Property, asked: Asked) -> dict[str, Any]:
    """One report. Raises Ga4Error as Google would."""
    names = _names(asked, "dimensions", prop.dimensions, 9)
    metrics = _names(asked, "metrics", METRICS, 10)
    expression = asked.get("dimensionFilter") or {}
    wide = list(dict.fromkeys([*names, *_fields(expression, prop)]))
    table, data_loss = _table(prop, asked, wide)
    kept: Counts = Counter()
    keys: Counts = Counter()
    withheld = _withheld(prop, asked, wide, table)
    for row, (count, key_count) in table.items():
        values = dict(zip(wide, row, strict=True))
        if row in withheld or not _matches(expression, values):
            continue
        narrow = tuple(values[name] for name in names)
        kept[narrow] += count
        keys[narrow] += key_count
    rows = _ordered(asked, names, _told(kept, keys, metrics, empty=bool(asked.get("keepEmptyRows"))))
    return _answer(prop, asked, names, metrics, rows, data_loss=data_loss, thresholded=bool(withheld))


def _names(asked: Asked, kind: str, known: Sequence[str], most: int) -> list[str]:
    names = [str(one.get("name")) for one in asked.get(kind) or []]
    if len(names) > most:
        raise bad_request(f"Requests are limited to {most} {kind}.")
    for name in names:
        _known(name, known, kind.rstrip("s"))
    return names


def _known(name: str, known: Sequence[str], kind: str) -> None:
    if name not in known:
        raise bad_request(
            f"Field {name} is not a valid {kind}. For a list of valid dimensions and metrics, see "
            "https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema "
        )


def _fields(expression: Asked, prop: Ga4Property) -> list[str]:
    """The dimensions a filter looks at."""
    if "filter" in expression:
        name = str(expression["filter"].get("fieldName"))
        _known(name, prop.dimensions, "dimension")
        return [name]
    inner = [expression["notExpression"]] if "notExpression" in expression else []
    for group in ("andGroup", "orGroup"):
        inner += expression.get(group, {}).get("expressions", [])
    return [name for one in inner for name in _fields(one, prop)]


def _matches(expression: Asked, values: Mapping[str, str]) -> bool:
    if "andGroup" in expression:
        return all(_matches(one, values) for one in expression["andGroup"]["expressions"])
    if "orGroup" in expression:
        return any(_matches(one, values) for one in expression["orGroup"]["expressions"])
    if "notExpression" in expression:
        return not _matches(expression["notExpression"], values)
    return _passes(expression["filter"], values) if "filter" in expression else True


def _passes(one: Asked, values: Mapping[str, str]) -> bool:
    """Text is compared without regard to case unless `caseSensitive` is true, as Google does."""
    rule = one.get("stringFilter") or one.get("inListFilter") or {}
    strict = bool(rule.get("caseSensitive"))
    found = _folded(values[one["fieldName"]], strict=strict)
    if "inListFilter" in one:
        return found in {_folded(value, strict=strict) for value in rule.get("values", [])}
    wanted = _folded(str(rule.get("value", "")), strict=strict)
    if rule.get("matchType") in (1, "EXACT"):
        return found == wanted
    if rule.get("matchType") in (4, "CONTAINS"):
        return wanted in found
    raise bad_request("The stand-in knows exact, contains and in-list filters only.")


def _folded(text: str, *, strict: bool) -> str:
    return text if strict else text.lower()


def _table(prop: Ga4Property, asked: Asked, names: Sequence[str]) -> tuple[dict[Row, tuple[int, int]], bool]:
    """(row -> events, key events) over all visitors; beyond `most_rows` the rarest become "(other)"."""
    counts: Counts = Counter()
    keys: Counts = Counter()
    for first, last in _ranges(prop, asked):
        for hit in prop.shown(first, last):
            row = prop.row(hit, names)
            counts[row] += 1
            keys[row] += hit.name in prop.key_events
    ranked = sorted(counts, key=lambda row: (-counts[row], row))
    table = {row: (counts[row], keys[row]) for row in ranked[: prop.most_rows]}
    rest = ranked[prop.most_rows :]
    if rest and names:
        table[(OTHER,) * len(names)] = (sum(counts[row] for row in rest), sum(keys[row] for row in rest))
    return table, bool(rest)


def _ranges(prop: Ga4Property, asked: Asked) -> list[tuple[date, date]]:
    ranges = asked.get("dateRanges") or []
    if not 1 <= len(ranges) <= 4:
        raise bad_request("A request must have between 1 and 4 date ranges.")
    return [(_day(prop, one.get("startDate")), _day(prop, one.get("endDate"))) for one in ranges]


def _day(prop: Ga4Property, text: Any) -> date:
    today = prop.clock().astimezone(prop.zone).date()
    words = {"today": 0, "yesterday": 1}
    if text in words:
        return today - timedelta(days=words[text])
    if isinstance(text, str) and text.endswith("daysAgo") and text[:-7].isdigit():
        return today - timedelta(days=int(text[:-7]))
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise bad_request("Invalid date range: use YYYY-MM-DD, NdaysAgo, yesterday or today.") from None


def _withheld(
    prop: Ga4Property, asked: Asked, names: Sequence[str], table: Mapping[Row, tuple[int, int]]
) -> set[Row]:
    """The rows of users about whom there is too little to show."""
    if prop.dimension not in names or not prop.withholds(_ranges(prop, asked)[0][0]):
        return set()
    at = names.index(prop.dimension)
    per_user: Counter[str] = Counter()
    for row, (count, _) in table.items():
        per_user[row[at]] += count
    return {row for row in table if per_user[row[at]] < prop.withhold_below}


def _told(kept: Counts, keys: Counts, metrics: Sequence[str], *, empty: bool) -> list[tuple[Row, Row]]:
    """Rows with their metric values as text; a row whose values are all zero is dropped."""
    measure = {"eventCount": kept, "keyEvents": keys}
    told = [(row, tuple(str(measure[name][row]) for name in metrics)) for row in kept]
    return [one for one in told if empty or set(one[1]) != {"0"}]


def _ordered(asked: Asked, names: Sequence[str], rows: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
    """By the dimensions asked for, else by the first metric, largest first."""
    rows.sort(key=lambda one: (-int(one[1][0]) if one[1] else 0, one[0]))
    for order in reversed(asked.get("orderBys") or []):
        name = order.get("dimension", {}).get("dimensionName")
        if name not in names:
            raise bad_request("Invalid order by: the dimension must be one of the request's dimensions.")
        at = names.index(name)
        rows.sort(key=lambda one: one[0][at], reverse=bool(order.get("desc")))
    return rows


def _answer(
    prop: Ga4Property,
    asked: Asked,
    names: Sequence[str],
    metrics: Sequence[str],
    rows: Sequence[tuple[Row, Row]],
    *,
    data_loss: bool,
    thresholded: bool,
) -> dict[str, Any]:
    """`rowCount` is of the whole report, whatever `limit` and `offset` show of it."""
    limit, offset = min(int(asked.get("limit") or 10_000), 250_000), int(asked.get("offset") or 0)
    if limit < 1 or offset < 0:
        raise bad_request("The limit must be positive and the offset must not be negative.")
    metadata: dict[str, Any] = {"currencyCode": "EUR", "timeZone": prop.time_zone}
    metadata |= {"dataLossFromOtherRow": True} if data_loss else {}
    metadata |= {"subjectToThresholding": True} if thresholded else {}
    if prop.sampling:
        read, space = map(str, prop.sampling)
        metadata["samplingMetadatas"] = [{"samplesReadCount": read, "samplingSpaceSize": space}]
    tokens = prop.tokens_per_report + len(rows) // 1_000
    quota = prop.quota.charge(tokens, thresholded=thresholded, now=prop.clock())
    answer: dict[str, Any] = {
        "kind": "analyticsData#runReport",
        "dimensionHeaders": [{"name": name} for name in names],
        "metricHeaders": [{"name": name, "type": "TYPE_INTEGER"} for name in metrics],
        "rowCount": len(rows),
        "metadata": metadata,
    }
    if rows[offset : offset + limit]:
        answer["rows"] = [
            {
                "dimensionValues": [{"value": value} for value in row],
                "metricValues": [{"value": value} for value in values],
            }
            for row, values in rows[offset : offset + limit]
        ]
    return answer | ({"propertyQuota": quota} if asked.get("returnPropertyQuota") else {})
