"""HubSpot read into the store over HTTP: merges, deletions, restores, the forgotten, counts, mail events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.errors import NotForUs, TryLater
from app.pipeline.absorb import absorb, reread_contacts
from app.pipeline.checkup import check_up
from app.pipeline.pull import pull_source
from app.pipeline.receive import receive
from app.pipeline.understand import rescore_touched
from app.services import Services
from app.store import activities, cursors, facts, inbox, people, quarantine, runs
from app.store.quarantine import HeldRecord
from tests.line import Moment, Town, contact_event, sign_hubspot
from tests.sandbox.hubspot import MailEvent


def sync(services: Services, clock: Moment) -> None:
    """A later sync: far enough behind the last for everything that is read once a day."""
    clock.move(days=1, minutes=1)
    pull_source(services, "hubspot", clock.now)


def shown(services: Services, name: str) -> Mapping[str, str]:
    """What HubSpot says of the lead known by this name; {} of nobody."""
    with services.database.connect() as conn:
        person = people.person_of(conn, name)
        if person is None:
            return {}
        profiles = facts.profiles_of(conn, [person])[person]
    return next((profile.fields for profile in profiles if profile.source == "hubspot"), {})


def seen(services: Services, name: str) -> list[Any]:
    """The observations of the lead known by this name, in order of time."""
    with services.database.connect() as conn:
        person = people.person_of(conn, name)
        assert person is not None
        return sorted(facts.observations_of(conn, [person])[person], key=lambda each: each.occurred_at)


def deliver(services: Services, events: list[dict[str, Any]], clock: Moment) -> None:
    """HubSpot's delivery, received and absorbed; contacts it names are read again."""
    request = sign_hubspot(events, clock.now)
    receive(services, services.webhooks["hubspot"], request.headers, request.body, clock.now)
    absorb(services, clock.now)
    reread_contacts(services, clock.now)


def counted(services: Services) -> Any:
    with services.database.connect() as conn:
        run = runs.last(conn, "sync hubspot")
    assert run is not None
    return (run.result or {})["counted"]


# --- merged, deleted, restored ----------------------------------------------------------------------------


def test_a_merge_that_no_delivery_told_is_read_from_the_contact(
    place: Town, living: Services, clock: Moment
) -> None:
    kept = place.portal.add_contact({"email": "ana@example.com"})
    ended = place.portal.add_contact({"email": "ana.ruiz@example.com"})
    sync(living, clock)
    place.portal.merge(kept, ended)
    sync(living, clock)
    with living.database.connect() as conn:
        persons = {
            people.person_of(conn, each) for each in (kept, ended, "ana@example.com", "ana.ruiz@example.com")
        }
        assert len(persons) == 1
        assert [
            key.value
            for key in people.identities_of(conn, list(persons))[persons.pop()]
            if key.kind == "contact_id"
        ] == [kept]
        assert not facts.any_hint(conn), "the contact has just been read"
    assert counted(living)["contacts"]["there"] == counted(living)["contacts"]["here"]
    sync(living, clock)
    with living.database.connect() as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM merge WHERE reason LIKE 'HubSpot merged%'")) == 1


def test_a_second_address_leads_to_the_same_person_wherever_it_is_used(
    place: Town, living: Services, clock: Moment
) -> None:
    place.portal.add_contact(
        {"email": "ana@example.com", "hs_additional_emails": "ana@example.org;a.r@example.com"}
    )
    sync(living, clock)
    with living.database.connect() as conn:
        assert (
            len(
                {
                    people.person_of(conn, each)
                    for each in ("ana@example.com", "ana@example.org", "a.r@example.com")
                }
            )
            == 1
        )


@pytest.mark.parametrize("told", ["by delivery", "by the recycle bin"])
def test_a_deleted_contact_is_written_to_no_more_until_it_is_restored(
    place: Town, living: Services, clock: Moment, told: str
) -> None:
    contact_id = place.portal.add_contact({"email": "ana@example.com"})
    sync(living, clock)

    def tell(kind: str) -> None:
        if told == "by delivery":
            at = round(clock.move(minutes=5).timestamp() * 1000)
            deliver(living, [{**contact_event(int(contact_id), at, kind), "occurredAt": at}], clock)
        else:
            sync(living, clock)

    clock.move(minutes=5)
    place.portal.delete(contact_id)
    tell("contact.deletion")
    assert shown(living, contact_id)["archived"] == "true"
    clock.move(minutes=5)
    place.portal.restore(contact_id)
    tell("contact.restore")
    assert "archived" not in shown(living, contact_id)


def test_a_deleted_deal_is_nobodys_any_more(place: Town, living: Services, clock: Moment) -> None:
    contact_id = place.portal.add_contact({"email": "ana@example.com"})
    deal_id = place.portal.add_deal({"dealname": "Plan", "dealstage": "closedwon"}, [contact_id])
    sync(living, clock)
    with living.database.connect() as conn:
        person = people.person_of(conn, contact_id) or 0
        assert [deal.deal_id for deal in facts.deals_of(conn, [person])[person]] == [deal_id]
    place.portal.delete_deal(deal_id)
    sync(living, clock)
    with living.database.connect() as conn:
        assert not facts.deals_of(conn, [person]).get(person)
    assert counted(living)["deals"]["there"] == counted(living)["deals"]["here"]


def test_a_deal_linked_to_a_contact_later_is_theirs_within_a_day(
    place: Town, living: Services, clock: Moment
) -> None:
    contact_id = place.portal.add_contact({"email": "ana@example.com"})
    deal_id = place.portal.add_deal({"dealname": "Plan", "dealstage": "qualifiedtobuy"}, [])
    sync(living, clock)
    with place.portal.changing() as crm:
        crm.links.join("deals", deal_id, "contacts", contact_id)  # its time of modification stays
    sync(living, clock)
    with living.database.connect() as conn:
        person = people.person_of(conn, contact_id) or 0
        assert [deal.deal_id for deal in facts.deals_of(conn, [person])[person]] == [deal_id]


def test_a_bounce_told_days_after_the_sending_is_found_by_the_counters(
    place: Town, living: Services, clock: Moment
) -> None:
    place.portal.scopes.discard("content")
    contact_id = place.portal.add_contact({"email": "ana@example.com"})
    place.portal.mail(contact_id, MailEvent("SENT", clock.timestamp()))
    sync(living, clock)
    sync(living, clock)
    place.portal.mail(contact_id, MailEvent("BOUNCE", clock.move(hours=1).timestamp()))
    sync(living, clock)
    assert [each.kind for each in seen(living, contact_id)] == ["email_sent", "email_bounce"]


@pytest.mark.parametrize("shape", ["legacy", "object"])
def test_a_forgotten_contact_leaves_nothing_and_later_syncs_bring_nothing_back(
    place: Town, living: Services, clock: Moment, shape: Any
) -> None:
    events: list[dict[str, Any]] = []
    place.portal.announcer.shape = shape
    contact_id = place.portal.add_contact({"email": "ana.ruiz@example.com", "firstname": "Anastasia"})
    place.portal.mail(contact_id, MailEvent("OPEN", clock.timestamp() - 60))
    sync(living, clock)
    rescore_touched(living, clock.now)
    held = {"id": contact_id, "properties": {"email": "ana.ruiz@example.com"}}
    waiting = [{"objectId": int(contact_id), "subscriptionType": "contact.creation", "occurredAt": 1}]
    with living.database.begin() as conn:
        quarantine.hold(conn, [HeldRecord("hubspot", "contacts", "x", "y", held)], clock.now)
        inbox.land(conn, "hubspot", json.dumps(waiting).encode(), clock.now, "ignored")
    place.portal.on_event.append(events.append)
    place.portal.privacy_delete(contact_id)
    place.portal.mails.rows.clear()  # HubSpot forgets its mails to them, too
    deliver(living, events, clock)
    for _ in range(2):
        sync(living, clock)
    with living.database.connect() as conn:
        names = conn.scalars(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        kept = "\n".join(str(conn.execute(sa.text(f"SELECT * FROM {name}")).all()) for name in names)
        assert [each for each in (contact_id, "ana.ruiz", "Anastasia") if each in kept] == []
        assert conn.scalar(sa.text("SELECT count(*) FROM erasure")) == 1


# --- counted ----------------------------------------------------------------------------------------------


def test_every_sync_says_how_many_are_there_and_here(place: Town, living: Services, clock: Moment) -> None:
    sync(living, clock)
    number = len(place.portal.contacts)
    assert counted(living)["contacts"] == {"there": number, "here": number}
    assert counted(living)["deals"]["here"] == len(place.portal.deals)
    state = check_up(living, clock.now, ask_vendors=False).state["counted"]
    assert state == {"hubspot": counted(living)}


def test_a_lasting_difference_is_told_with_what_to_do_and_a_whole_reading_mends_it(
    place: Town, living: Services, clock: Moment
) -> None:
    lost = place.portal.add_contact({"email": "ana@example.com"})
    sync(living, clock)
    with living.database.begin() as conn:
        conn.execute(sa.text("DELETE FROM profile WHERE fields ->> 'email' = 'ana@example.com'"))
    sync(living, clock)
    assert differences(living, clock) == []
    sync(living, clock)
    (told,) = differences(living, clock)
    assert told.startswith("1 contacts fewer here than there")
    assert "sync hubspot --whole" in told
    with living.database.begin() as conn:
        cursors.forget(conn, "hubspot")
    sync(living, clock)
    assert differences(living, clock) == []
    assert shown(living, lost)["email"] == "ana@example.com"


def differences(services: Services, clock: Moment) -> list[str]:
    found = check_up(services, clock.now, ask_vendors=False).problems
    return [problem.message for problem in found if "here than there" in problem.message]


def test_what_cannot_be_counted_now_spoils_no_sync(place: Town, living: Services, clock: Moment) -> None:
    sync(living, clock)
    place.portal.scopes.discard("crm.objects.deals.read")
    with living.database.begin() as conn:
        run_before = runs.last(conn, "sync hubspot")
    pull_source(living, "hubspot", clock.now, streams=["owners"])
    with living.database.begin() as conn:
        run = runs.last(conn, "sync hubspot")
    assert run is not None
    assert run_before is not None
    assert run.id > run_before.id
    assert (run.error, "counted" in (run.result or {})) == (None, False)


# --- scopes -----------------------------------------------------------------------------------------------

SEEN_WITH = {
    "crm.objects.owners.read": {"owners"},
    "crm.objects.contacts.read": {"contacts", "deleted_contacts"},
    "crm.objects.deals.read": {"pipelines", "deals", "open_deals", "deleted_deals"},
}
"""What no token reads without the scope."""


@pytest.mark.parametrize("scope", sorted(SEEN_WITH))
def test_a_scope_that_is_missing_stops_what_needs_it_and_nothing_else(
    place: Town, living: Services, clock: Moment, scope: str
) -> None:
    place.portal.scopes.discard(scope)
    with pytest.raises(NotForUs, match=scope):
        pull_source(living, "hubspot", clock.now)
    with living.database.connect() as conn:
        run = runs.last(conn, "sync hubspot")
    assert run is not None
    assert scope in (run.error or "")
    everything = set(living.sources["hubspot"].streams)
    assert everything - set((run.result or {})["read"]) == SEEN_WITH[scope]


# --- mail events ------------------------------------------------------------------------------------------


def mailed(place: Town, clock: Moment, hours: float = 30) -> str:
    """A contact who was sent a mail, opened it, followed a link twice, and left; a robot was there too."""
    portal = place.portal
    contact_id = portal.add_contact({"email": "ana@example.com"})
    sent = clock.timestamp() - hours * 3600
    person = {"campaign": 41, "sent_at": sent, "user_agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/141.0"}
    portal.mail(contact_id, MailEvent("SENT", sent))
    portal.mail(contact_id, MailEvent("DELIVERED", sent + 1))
    robot = {**person, "user_agent": "BarracudaCentral/1.0", "url": "https://example.com/a"}
    portal.mail(contact_id, MailEvent("CLICK", sent + 2, **robot))
    portal.mail(contact_id, MailEvent("OPEN", sent + 900, **person))
    portal.mail(contact_id, MailEvent("CLICK", sent + 960, **person, url="https://example.com/a"))
    portal.mail(contact_id, MailEvent("CLICK", sent + 1200, **person, url="https://example.com/b"))
    portal.mail(
        contact_id, MailEvent("CLICK", sent + 1300, **person, url="https://example.com/b", filtered=True)
    )
    portal.mail(contact_id, MailEvent("BOUNCE", sent + 1400))
    portal.mail(contact_id, MailEvent("STATUSCHANGE", sent + 1500))
    return contact_id


KINDS = [
    "email_sent", "email_click", "email_open", "email_click", "email_click", "email_click", "email_bounce",
    "email_unsubscribe",
]  # fmt: skip


def test_the_log_gives_every_event_with_its_campaign_and_machines_count_for_nothing(
    place: Town, living: Services, clock: Moment
) -> None:
    contact_id = mailed(place, clock)
    sync(living, clock)
    found = seen(living, contact_id)
    assert [each.kind for each in found] == KINDS
    assert {each.scope for each in found if each.kind in {"email_open", "email_click"}} == {"41"}
    while rescore_touched(living, clock.now).more:
        pass
    with living.database.connect() as conn:
        person = people.person_of(conn, contact_id) or 0
        acts = activities.activities_of(conn, [person])[person]
    clicks = [act for act in acts if act.kind == "email_click"]
    assert [act.attributes.get("machine", False) for act in clicks] == [True, False, False, True]
    assert "robot" in str(clicks[-1].attributes["evidence"])
    for _ in range(2):
        sync(living, clock)
    assert [each.id for each in seen(living, contact_id)] == [each.id for each in found]


@pytest.mark.parametrize("closed", ["scope", "gone"])
def test_without_the_log_the_counters_give_the_same_events_and_check_says_so(
    place: Town, living: Services, clock: Moment, closed: str
) -> None:
    if closed == "scope":
        place.portal.scopes.discard("content")
    else:
        place.portal.mails.gone = True
    contact_id = mailed(place, clock)
    sync(living, clock)
    found = [each for each in seen(living, contact_id) if each.kind != "website_visit"]
    assert sorted(each.kind for each in found) == sorted(KINDS)
    assert {each.kind for each in found if each.scope == "unknown"} == set()
    problems = living.sources["hubspot"].check()
    assert any("without campaign and link" in problem.message for problem in problems)
    sync(living, clock)
    again = [each for each in seen(living, contact_id) if each.kind != "website_visit"]
    assert [each.id for each in again] == [each.id for each in found]


def test_going_from_the_log_to_the_counters_and_back_counts_nothing_twice(
    place: Town, living: Services, clock: Moment
) -> None:
    contact_id = mailed(place, clock)
    sync(living, clock)
    for gone in (True, False):
        place.portal.mails.gone = gone
        clock.move(days=2)
        at = clock.timestamp()
        place.portal.mail(contact_id, MailEvent("OPEN", at, campaign=42, sent_at=at - 900))
        sync(living, clock)
        sync(living, clock)
    assert [each.kind for each in seen(living, contact_id)].count("email_open") == 3


def test_a_refused_log_is_asked_for_once_a_day(place: Town, living: Services, clock: Moment) -> None:
    place.portal.mails.gone = True
    sync(living, clock)
    before = place.portal.request_counts["GET /email/public/v1/events"]
    for _ in range(5):
        clock.move(minutes=15)
        pull_source(living, "hubspot", clock.now)
    assert place.portal.request_counts["GET /email/public/v1/events"] == before
    sync(living, clock)
    assert place.portal.request_counts["GET /email/public/v1/events"] == before + 1


def test_a_page_of_the_log_that_expires_is_read_again_and_nothing_is_missing(
    place: Town, living: Services, clock: Moment
) -> None:
    place.portal.mails.most = 3
    contact_id = mailed(place, clock)
    place.portal.mails.offset_seconds = 0
    with pytest.raises(TryLater, match="is read again"):
        sync(living, clock)
    place.portal.mails.offset_seconds = None
    sync(living, clock)
    assert [each.kind for each in seen(living, contact_id)] == KINDS


def test_the_last_visit_and_form_are_dated_acts_and_consent_is_known(
    place: Town, living: Services, clock: Moment
) -> None:
    at = str(round((clock.now - timedelta(hours=3)).timestamp() * 1000))
    contact_id = place.portal.add_contact(
        {
            "email": "ana@example.com",
            "hs_analytics_last_visit_timestamp": at,
            "recent_conversion_date": at,
            "recent_conversion_event_name": "Guía de ventas",
            "hs_email_optout": "true",
            "hs_marketable_status": "false",
        }
    )
    for _ in range(2):
        sync(living, clock)
    found = seen(living, contact_id)
    made = {each.kind: each for each in found}
    assert (len(found), sorted(made)) == (2, ["conversion_event", "website_visit"])
    assert made["conversion_event"].attributes["form"] == "Guía de ventas"
    fields = shown(living, contact_id)
    assert (fields["opted_out"], fields["marketable"]) == ("true", "false")
