"""HubSpot's failed answers, read as Savia's errors: what to wait for, what to mend, what to set aside.

Source: HubSpot's error-handling page. Messages hold categories, codes, scopes and property names only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from app.domain.errors import BadCredentials, BadRecord, NotForUs, SaviaError, TryLater
from connectors.http import retry_after

WAIT_BY_POLICY = {
    "TEN_SECONDLY_ROLLING": timedelta(seconds=10),
    "SECONDLY": timedelta(seconds=1),
    # Until midnight in the account's time zone, which an answer does not tell: asked again every hour.
    "DAILY": timedelta(hours=1),
}
RULE = "a rule of this portal wants it: have it filled in HubSpot, or relax the rule"
LOCKED = timedelta(seconds=2)
MIGRATING = 477
NOT_THERE = frozenset({"OBJECT_NOT_FOUND", "NO_ASSOCIATIONS_FOUND"})
"""What a reading may say of single inputs: there is no such record, or nothing hangs together with it."""

PASSING = frozenset({"RATE_LIMIT", "RATE_LIMITS", "INTERNAL_ERROR", "LOCKED", "TIMEOUT"})
"""Categories in which HubSpot says of one input that it could not take it at the moment, as far as they are
known: its error page lists none for single inputs.
"""

_CODE = re.compile(r"[A-Z][A-Z0-9_.]{2,60}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_NAME_LIST = re.compile(r"\[[a-z0-9_]*(, [a-z0-9_]+)*\]")
_ABSENT = re.compile(r"([a-z][a-z0-9_]*) PROPERTY_DOESNT_EXIST")
_SCOPE = re.compile(r"[a-z][a-z0-9._-]{2,99}")


class NotFound(BadRecord):
    """HubSpot knows the call, but not the thing it names."""


class AlreadyExists(BadRecord):
    """A thing of this name is there already (409)."""


def explain(status: int, body: Any, headers: Mapping[str, str]) -> SaviaError:
    """The error to raise for an answer outside 2xx. Every such answer has one."""
    answer = body if isinstance(body, dict) else {}
    if status == 429:
        return _limited(answer, headers)
    if status == 423:
        asked = retry_after(headers) or LOCKED
        return TryLater("HubSpot: the record is locked by another write", max(asked, LOCKED))
    if status in (408, MIGRATING) or status >= 500:
        return TryLater(f"HubSpot: away ({status}); see status.hubspot.com if it lasts", retry_after(headers))
    if status in (401, 403):
        return _refused(status, answer)
    if status in (404, 405) and "category" not in answer and answer.get("status") != "error":
        return NotForUs("HubSpot: no API at this address; check [hubspot] base_url and api_version")
    kind = {404: NotFound, 409: AlreadyExists}.get(status, BadRecord)
    names = invalid_properties(answer)
    return kind("properties." + ",".join(names) if names else "request", reason_of(answer))


def checked(answer: Any) -> list[Any]:
    """The rows of a reading that HubSpot answered in full. Since 2026-09 an answer of 200 may hold errors in
    place of rows: what is unknown then is not absent. Raises TryLater.
    """
    told = answer if isinstance(answer, dict) else {}
    failed = next((error for error in _listed(told.get("errors")) if not _is_absence(error)), None)
    if failed is None and told.get("status", "COMPLETE") == "COMPLETE" and "results" in told:
        rows: list[Any] = told["results"]
        return rows
    why = reason_of(failed if failed is not None else told)
    raise TryLater(f"HubSpot: an answer came in part ({why}); it is asked for again")


def _is_absence(error: Mapping[str, Any]) -> bool:
    kinds = (str(error.get(name) or "").rpartition(".")[2] for name in ("subCategory", "category"))
    return any(kind in NOT_THERE for kind in kinds)


def reason_of(error: Mapping[str, Any]) -> str:
    """One line of an error object: its category, then each property's name and code."""
    category = _first(_CODE, [error.get("category"), error.get("errorType")]) or "REFUSED"
    details = [_detail(entry) for entry in _entries(error)] or _unset(error)
    listed = ", ".join(detail for detail in dict.fromkeys(details) if detail)
    advice = f"; {RULE}" if "REQUIRED" in listed else ""
    return f"{category}: {listed}{advice}" if listed else category


def _unset(error: Mapping[str, Any]) -> list[str]:
    """The properties that an error's own context says are required and were not set."""
    context = error.get("context")
    told = context.get("properties") if isinstance(context, dict) else None
    lists = [text for text in told if _is(_NAME_LIST, text)] if isinstance(told, list) else []
    return [f"{name} REQUIRED" for text in lists for name in text.strip("[]").split(", ") if name]


def is_passing(reason: str) -> bool:
    """Does this line of `reason_of` tell of the moment, not of what was sent?"""
    return reason.partition(":")[0] in PASSING


def absent_properties(fault: BadRecord) -> set[str]:
    """The properties that a batch was refused for because the portal does not have them."""
    return set(_ABSENT.findall(fault.reason))


def invalid_properties(error: Mapping[str, Any]) -> tuple[str, ...]:
    """The property names an error object blames, in its order."""
    names = (_property(entry) for entry in _entries(error))
    return tuple(dict.fromkeys(name for name in names if name))


def _limited(answer: Mapping[str, Any], headers: Mapping[str, str]) -> TryLater:
    policy = str(answer.get("policyName") or answer.get("message") or "").upper()
    # "ten_secondly_rolling" holds "secondly": the table's order decides.
    wait = next((wait for name, wait in WAIT_BY_POLICY.items() if name in policy), timedelta(seconds=10))
    kind = "daily limit" if "DAILY" in policy else "rate limit"
    return TryLater(
        f"HubSpot: {kind} reached; another app may share the account", retry_after(headers) or wait
    )


def _refused(status: int, answer: Mapping[str, Any]) -> BadCredentials:
    if status == 401:
        return BadCredentials("HubSpot: the token is refused; set HUBSPOT_ACCESS_TOKEN to a current one")
    scopes = ", ".join(_missing_scopes(answer)) or "named in connectors/hubspot/README.md"
    return NotForUs(f"HubSpot: the token lacks a right; add the scopes {scopes} and issue the token anew")


def _missing_scopes(answer: Mapping[str, Any]) -> list[str]:
    contexts = [answer.get("context"), *(entry.get("context") for entry in _listed(answer.get("errors")))]
    found: dict[str, None] = {}
    for context in contexts:
        for name, values in context.items() if isinstance(context, dict) else ():
            if "scope" in name.lower() and isinstance(values, list):
                found.update(dict.fromkeys(value for value in values if _is(_SCOPE, value)))
    return list(found)


def _entries(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The details of an error: its `errors`, or the JSON list HubSpot hides in `message`."""
    listed = _listed(error.get("errors"))
    message = error.get("message")
    if listed or not isinstance(message, str) or "[" not in message:
        return listed
    try:
        return _listed(json.loads(message[message.index("[") :]))
    except (ValueError, RecursionError):
        return []  # prose with a bracket in it: the category alone must do


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _detail(entry: Mapping[str, Any]) -> str:
    code = _first(_CODE, [entry.get("code"), entry.get("error"), entry.get("subCategory")])
    return " ".join(part for part in (_property(entry), code) if part)


def _property(entry: Mapping[str, Any]) -> str:
    context = entry.get("context")
    named = context.get("propertyName") if isinstance(context, dict) else None
    candidates = [entry.get("name"), *(named if isinstance(named, list) else [named]), entry.get("in")]
    return _first(_NAME, candidates)


def _first(pattern: re.Pattern[str], candidates: Iterable[Any]) -> str:
    return next((text for text in candidates if _is(pattern, text)), "")


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
