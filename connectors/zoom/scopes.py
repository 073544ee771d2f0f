"""The scopes the app needs, one per call, and which of them a token lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """`narrow` is what newer apps add, `wide` what older ones have, both without their ending (":admin")."""

    narrow: str
    wide: str
    call: str


SCOPES = (
    Scope("webinar:read:list_webinars", "webinar:read", "/users/{host}/webinars"),
    Scope("webinar:read:list_past_instances", "webinar:read", "/past_webinars/{id}/instances"),
    Scope("webinar:read:list_registrants", "webinar:read", "/webinars/{id}/registrants"),
    Scope("webinar:read:list_panelists", "webinar:read", "/webinars/{id}/panelists"),
    Scope("report:read:list_webinar_participants", "report:read", "/report/webinars/{id}/participants"),
    Scope("report:read:list_webinar_polls", "report:read", "/report/webinars/{id}/polls"),
    Scope("report:read:list_webinar_qa", "report:read", "/report/webinars/{id}/qa"),
)
"""What no reading does without."""

ENDINGS = (":admin", ":master")


def lacking(token: str) -> tuple[str, ...]:
    """The narrow scopes that are needed and not in `token`, Zoom's text of a token's scopes; () where it
    names none.
    """
    held = _held(token)
    return tuple(f"{one.narrow}:admin" for one in SCOPES if held and not {one.narrow, one.wide} & held)


def may_read_surveys(token: str) -> bool:
    """Surveys came to the reports later than the rest: an app may do without. The narrow scope's name is in
    none of the sources we have, so any of the reports' that speaks of a survey will do.
    """
    held = _held(token)
    return not held or "report:read" in held or any("survey" in one for one in _reports(held))


def _reports(held: Iterable[str]) -> Iterable[str]:
    return (one for one in held if one.startswith("report:read:"))


def _held(token: str) -> frozenset[str]:
    return frozenset(_plain(one) for one in token.replace(",", " ").split())


def _plain(scope: str) -> str:
    return next((scope.removesuffix(end) for end in ENDINGS if scope.endswith(end)), scope)
