"""What goes wrong in HubSpot: the token, the plan, the schema, the workflows, the webhooks."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.pipeline.pull import pull_source
from app.pipeline.steps import absorb
from connectors.hubspot.scopes import NEEDED, WANTED
from tests.check.faults import Fault
from tests.check.installation import HELD_OUT, Installation
from tests.line import contact_event
from tests.sandbox.hubspot import ListTrigger, PropertyTrigger, V2Trigger

# --- the token and the account ----------------------------------------------------------------------------


def _wrong_token(place: Installation) -> None:
    place.portal.token = "pat-na1-another"


def _expired_token(place: Installation) -> None:
    place.portal.token_expires_at = 1.0


def _without(scope: str, *, tells: bool = True) -> Any:
    def seed(place: Installation) -> None:
        place.portal.scopes.discard(scope)
        place.portal.tells_tokens = tells

    return seed


def _another_portal(place: Installation) -> None:
    assert place.problems() == ()  # the first check keeps the portal's number
    place.portal.portal_id = 999_999


def _plan_without_workflows(place: Installation) -> None:
    place.portal.has_workflows = False


def _smaller_plan(place: Installation) -> None:
    place.portal.limits.window_max = 100


def _used_up_to(share: float) -> Any:
    def seed(place: Installation) -> None:
        place.portal.other_apps(0)  # a new day begins with the first look at the limits
        place.portal.limits.daily_used = int(share * place.portal.limits.daily_max)

    return seed


def _clock_ahead(place: Installation) -> None:
    place.sandbox.server.clock_ahead = 240


def _misspelt_pilot(place: Installation) -> None:
    place.settings_file("holdout_share = 0.1", 'holdout_share = 0.1\n[pilot]\nlist = "Piolto"')


CONTACTS, LISTS = "crm.objects.contacts.read", "crm.lists.read"
ALSO_REFUSED = {CONTACTS: 1, LISTS: 2}
"""Scopes without which a call of the check itself is refused, which is told as well."""

ACCOUNT = [
    Fault("wrong token", _wrong_token, "hubspot", "token is refused", "set HUBSPOT_ACCESS_TOKEN", "error"),
    Fault(
        "expired token", _expired_token, "hubspot", "token is refused", "set HUBSPOT_ACCESS_TOKEN", "error"
    ),
    *(
        Fault(
            f"scope {scope} is missing",
            _without(scope),
            "hubspot",
            f"lacks the scope {scope}: {effect}",
            "add it and issue the token anew",
            "error" if scope in NEEDED else "warning",
            ALSO_REFUSED.get(scope, 1),
        )
        for scope, effect in (NEEDED | WANTED).items()
    ),
    Fault(
        "scope content is missing",
        _without("content"),
        "hubspot",
        "mail activity is read from each contact's counters",
        "add the scope content",
    ),
    Fault(
        "a service key without a scope",
        _without(LISTS, tells=False),
        "hubspot",
        "lacks a right",
        f"add the scopes {LISTS}",
        "error",
    ),
    Fault(
        "wrong portal",
        _another_portal,
        "hubspot",
        "the token opens account 999999",
        "set HUBSPOT_ACCESS_TOKEN to a token of that one",
        "error",
    ),
    Fault(
        "the plan has no workflows",
        _plan_without_workflows,
        "hubspot",
        "this plan has no workflows",
        "change the plan",
    ),
    Fault("more calls than the plan allows", _smaller_plan, "hubspot", "allows 100", "per_10_seconds = 100"),
    Fault(
        "the day's calls nearly used up",
        _used_up_to(0.75),
        "hubspot",
        "calls are left: look",
        "for another app",
        lines=2,
    ),
    Fault(
        "the day's calls used up to the reserve",
        _used_up_to(0.9),
        "hubspot",
        "calls are left, kept free for other apps by [hubspot] keep_free",
        "it goes on after midnight",
        lines=2,
    ),
    Fault(
        "the pilot list is misspelt",
        _misspelt_pilot,
        "pilot",
        "no list in HubSpot is named 'Piolto'",
        "set [pilot] list",
        "error",
    ),
    Fault("our clock is off", _clock_ahead, "clock", "s behind HubSpot's", "mend it"),
]

# --- properties and lists ---------------------------------------------------------------------------------


def _property(name: str, **changes: Any) -> Any:
    """The property as somebody else made or changed it; without changes it is gone."""

    def seed(place: Installation) -> None:
        held = place.portal.crm.schemas["contacts"].properties
        if changes:
            held[name] = replace(held[name], **changes)
        else:
            del held[name]

    return seed


def _missing_option(place: Installation) -> None:
    held = place.portal.crm.schemas["contacts"].properties
    kept = tuple(each for each in held["savia_band"].options or () if each["value"] != "hot")
    held["savia_band"] = replace(held["savia_band"], options=kept)


def _no_room(place: Installation) -> None:
    _property("savia_grid")(place)
    own = place.portal.crm.schemas["contacts"].properties.values()
    place.portal.custom_properties_max = sum(not each.hubspot_defined for each in own)


def _archived(place: Installation) -> None:
    place.portal.archive_property("savia_band")


def _no_list(place: Installation) -> None:
    found = place.portal.list_named("Savia: warm")
    assert found is not None
    del place.portal.crm.lists.by_id[found.list_id]


def _active_list(place: Installation) -> None:
    found = place.portal.list_named("Savia: warm")
    assert found is not None
    found.processing_type = "DYNAMIC"


SCHEMA = [
    Fault("property missing", _property("savia_score"), "hubspot", "savia_score", "python -m jobs setup"),
    Fault(
        "property of another type",
        _property("savia_score", type="string", field_type="number"),
        "property savia_score",
        "has type string in HubSpot, Savia needs number",
        "archive it",
        "error",
    ),
    Fault(
        "property of another field type",
        _property("savia_score", field_type="calculation_equation"),
        "property savia_score",
        "has fieldType calculation_equation",
        "archive it",
        "error",
    ),
    Fault(
        "property read only",
        _property("savia_score", read_only=True),
        "property savia_score",
        "read only",
        "choose another name",
        "error",
    ),
    Fault(
        "property of somebody else",
        _property("savia_score", group="contactinformation"),
        "property savia_score",
        "belongs to the group contactinformation",
        "rename it or move it",
        "error",
    ),
    Fault(
        "option missing",
        _missing_option,
        "property savia_band",
        "lacks the options hot",
        "add them in HubSpot",
        "error",
    ),
    Fault(
        "property archived",
        _archived,
        "property savia_band",
        "is archived",
        "restore it under Settings > Properties",
        "error",
    ),
    Fault(
        "no room for our properties",
        _no_room,
        "hubspot",
        "room for 0 more contact properties",
        "delete some of yours",
        "error",
        2,
    ),
    Fault("list missing", _no_list, "hubspot", "1 list is missing (Savia: warm)", "python -m jobs setup"),
    Fault(
        "list of the wrong kind",
        _active_list,
        "list Savia: warm",
        "is an active list",
        "rename it in HubSpot",
        "error",
    ),
]

# --- workflows --------------------------------------------------------------------------------------------


def _workflow(**changes: Any) -> Any:
    def seed(place: Installation) -> None:
        for name, value in changes.items():
            setattr(place.workflow(), name, value)

    return seed


def _no_workflow(place: Installation) -> None:
    del place.portal.crm.workflows.by_id[place.workflow().workflow_id]


def _two_workflows(place: Installation) -> None:
    trigger = PropertyTrigger("savia_hot_leads_at")
    place.portal.add_workflow("9001", "Copia de hot_leads", trigger, suppresses=[HELD_OUT])


def _other_list(place: Installation) -> None:
    place.portal.add_list("Clientes")
    place.workflow().trigger = ListTrigger("Clientes")


def _suppresses_the_wrong_list(place: Installation) -> None:
    place.portal.add_list("No escribir", "DYNAMIC", ("hs_email_optout", "true"))
    place.workflow().suppresses = ("No escribir",)


def _list_of_the_others(place: Installation) -> None:
    place.portal.add_list("No en control", "DYNAMIC", ("savia_holdout", "false"))
    place.workflow().suppresses = ("No en control",)


HOT = "workflow hot_leads"
LETS_IN = "lets the held-out leads in"
SUPPRESS = "suppress a list of the contacts whose savia_holdout is true"
WORKFLOWS = [
    Fault("workflow missing", _no_workflow, HOT, "is missing", "build one that starts by the list"),
    Fault("workflow off", _workflow(enabled=False), HOT, "is off", "review and publish it"),
    Fault(
        "two workflows for one sequence",
        _two_workflows,
        HOT,
        "“hot_leads” and “Copia de hot_leads” start by the same",
        "turn all but one off",
    ),
    Fault("workflow of another list", _other_list, HOT, "starts by something else", "set its trigger to"),
    Fault(
        "workflow of another property",
        _workflow(trigger=PropertyTrigger("lifecyclestage")),
        HOT,
        "starts by something else",
        "the property savia_hot_leads_at",
    ),
    Fault(
        "workflow started by hand alone",
        _workflow(trigger=V2Trigger()),
        HOT,
        "starts by something else",
        "the list “Savia: secuencia hot_leads”",
    ),
    Fault(
        "workflow without re-enrolment",
        _workflow(re_enrolment=False),
        HOT,
        "nobody in a second time",
        "switch re-enrolment on",
    ),
    Fault("workflow lets the held-out in", _workflow(suppresses=()), HOT, LETS_IN, SUPPRESS),
    Fault("workflow suppresses another list", _suppresses_the_wrong_list, HOT, LETS_IN, SUPPRESS),
    Fault("workflow suppresses the others", _list_of_the_others, HOT, LETS_IN, SUPPRESS),
]

# --- webhooks ---------------------------------------------------------------------------------------------


def _wrong_secret(place: Installation) -> None:
    assert place.deliver_hubspot(contact_event(8), secret="the token instead") == 401


def _another_address(place: Installation) -> None:
    assert place.deliver_hubspot(contact_event(8), to="https://savia-prod.herokuapp.com") == 401


def _stale_stamps(place: Installation) -> None:
    assert place.deliver_hubspot(contact_event(8), minutes=11) == 401


def _never_delivered(place: Installation) -> None:
    place.execute("DELETE FROM inbox WHERE source = 'hubspot'")


def _silent_for_long(place: Installation) -> None:
    _delivered(place, days=8)


def _delivered(place: Installation, **ago: float) -> None:
    at = place.services.clock() - timedelta(**ago)
    place.execute("UPDATE inbox SET received_at = :at, state = 'done' WHERE source = 'hubspot'", at=at)


def new_contacts(place: Installation) -> None:
    """Three people whom HubSpot got to know two hours ago, found by the pull."""
    place.portal.crm.now = lambda: time.time() - 2 * 3600
    for number in range(3):
        place.portal.add_contact({"email": f"nueva{number}@example.com"})
    place.portal.crm.now = time.time
    pull_source(place.services, "hubspot", place.services.clock())


def _paused(place: Installation) -> None:
    new_contacts(place)
    _delivered(place, hours=5)


def _no_creations(place: Installation) -> None:
    new_contacts(place)
    place.execute("DELETE FROM inbox WHERE source = 'hubspot'")
    changed = {"propertyName": "jobtitle", "propertyValue": "CEO"}
    assert place.deliver_hubspot(contact_event(7, kind="contact.propertyChange") | changed) == 204
    absorb(place.services, place.services.clock())


WEBHOOKS = [
    Fault(
        "wrong client secret",
        _wrong_secret,
        "hubspot",
        "signed with another secret",
        "set HUBSPOT_CLIENT_SECRET to the client secret on the app's Auth tab",
        "error",
    ),
    Fault(
        "webhooks go to another address",
        _another_address,
        "hubspot",
        "they go to https://savia-prod.herokuapp.com/webhooks/hubspot",
        "SAVIA_PUBLIC_URL is https://savia.example.com: make both the same",
        "error",
    ),
    Fault(
        "deliveries stamped outside the window", _stale_stamps, "hubspot", "another time", "by NTP", "error"
    ),
    Fault("nothing was ever delivered", _never_delivered, "hubspot", "nothing was ever", "see /setup"),
    Fault("last delivery too old", _silent_for_long, "hubspot", "nothing was delivered since", "webhook on?"),
    Fault("webhooks paused", _paused, "hubspot", "delivered nothing", "run hs project upload"),
    Fault(
        "subscription missing",
        _no_creations,
        "hubspot",
        "told of none",
        "take the subscription object.creation",
    ),
]

FAULTS = [*ACCOUNT, *SCHEMA, *WORKFLOWS, *WEBHOOKS]
