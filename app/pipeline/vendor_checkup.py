"""What the vendors say when they are asked: keys, rights, schema, workflows, registered webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from app.domain.changes import Problem, SetupChange
from app.domain.errors import BadCredentials, SaviaError
from app.domain.portal_schema import wanted_schema
from app.domain.ports import Destination, PortalCheck
from app.services import Services
from app.store import experiments, switches

NAMED = 3
"""So many missing things are named; the set-up plan lists them all."""


def vendor_problems(services: Services, now: datetime) -> list[Problem]:
    """Each vendor's own problems. Where HubSpot refuses the token nothing more is asked of it."""
    found = [*connection_problems(services), *_registrations(services)]
    if not portal_is_shut(found):
        found += _schema(services, services.destination, services.portal)
        found += _portal(services, services.portal, now)
    return found


def connection_problems(services: Services) -> list[Problem]:
    """What each vendor that is on says of its address, key and scopes; one that fails hides no other."""
    found = [*_texts(services)]
    for name, source in services.sources.items():
        try:
            found += source.check()
        except SaviaError as reason:
            found.append(failure(name, reason))
    return found


def portal_is_shut(found: Iterable[Problem]) -> bool:
    """Did HubSpot refuse us, so that asking more of it is no use?"""
    return any(problem.subject == "hubspot" and problem.severity == "error" for problem in found)


def portal_problems(services: Services, portal: PortalCheck) -> Iterator[Problem]:
    """Does the token open the portal whose contact ids are kept here? Raises TryLater and BadCredentials."""
    account = portal.account()
    with services.database.connect() as conn:
        known = switches.read(conn, "portal")
    if known is not None and known.value != account:
        message = (
            f"the token opens account {account}, this database belongs to account {known.value}: set "
            "HUBSPOT_ACCESS_TOKEN to a token of that one, or begin with an empty database"
        )
        yield Problem("error", "hubspot", message)


def note_portal(services: Services, portal: PortalCheck, now: datetime) -> None:
    """Keep the number of the first portal that answers: contact ids here are of no use in another."""
    with services.database.begin() as conn:
        if switches.read(conn, "portal") is None:
            switches.turn(conn, "portal", portal.account(), now)


def _texts(services: Services) -> Iterable[Problem]:
    if services.texts is None:
        return []
    try:
        return services.texts.check()
    except SaviaError as reason:
        return [Problem("warning", "OpenAI", str(reason))]


def _registrations(services: Services) -> Iterator[Problem]:
    for registration in services.registrations:
        try:
            missing = registration.missing()
        except SaviaError:
            continue  # the source of the same vendor says what is wrong
        if missing:
            message = f"no webhook tells us of {', '.join(missing)}: python -m jobs setup registers it"
            yield Problem("warning", registration.name, message)


def _schema(
    services: Services, destination: Destination | None, portal: PortalCheck | None
) -> Iterator[Problem]:
    if destination is None:
        return
    try:
        problems, missing = destination.check(
            wanted_schema(services.mappings.hubspot, services.settings.language)
        )
        yield from problems
        yield from _missing(missing)
        properties = sum(change.key.startswith("property:") for change in missing)
        if properties and portal is not None:
            yield from portal.room(properties)
    except SaviaError as reason:
        yield failure(destination.name, reason)


def _missing(missing: Iterable[SetupChange]) -> Iterator[Problem]:
    for kind, plural in (("property", "properties"), ("list", "lists")):
        names = [change.name for change in missing if change.key.startswith(f"{kind}:")]
        if names:
            more = ", ..." if len(names) > NAMED else ""
            shown = ", ".join(names[:NAMED]) + more
            counted = f"1 {kind} is" if len(names) == 1 else f"{len(names)} {plural} are"
            yield Problem(
                "warning", "hubspot", f"{counted} missing ({shown}): python -m jobs setup makes them"
            )


def _portal(services: Services, portal: PortalCheck | None, now: datetime) -> Iterator[Problem]:
    if portal is None:
        return
    try:
        note_portal(services, portal, now)
        yield from portal_problems(services, portal)
        yield from portal.rights()
        yield from _pilot(services, portal)
        yield from workflow_problems(services, portal)
    except SaviaError as reason:
        yield failure("hubspot", reason)


def workflow_problems(services: Services, portal: PortalCheck) -> list[Problem]:
    """What keeps the sequences from sending their mails."""
    return portal.workflows(services.mappings.hubspot.workflows, _holdout(services))


def _pilot(services: Services, portal: PortalCheck) -> Iterator[Problem]:
    name = services.settings.pilot.list
    if name and not portal.has_list(name):
        message = (
            f"no list in HubSpot is named {name!r}, so nobody is written to: set [pilot] list to the name of "
            'one, or to "" for everybody'
        )
        yield Problem("error", "pilot", message)


def _holdout(services: Services) -> str:
    """The property that says who is held out, "" while nobody is."""
    with services.database.connect() as conn:
        held_out = experiments.running(conn) is not None or services.settings.experiment.holdout_share > 0
    owned = services.mappings.hubspot.properties
    return next((item.name for item in owned if item.value == "holdout"), "") if held_out else ""


def failure(name: str, reason: SaviaError) -> Problem:
    """A wrong key stops the vendor; what may work later is no error yet."""
    return Problem("error" if isinstance(reason, BadCredentials) else "warning", name, str(reason))
