"""The stand-in portal: its switches, what a person or HubSpot itself does in it, and what tests read back.

Every public method takes the one lock; webhook events go to `on_event` after it is released.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.sandbox.hubspot.answers import Json
from tests.sandbox.hubspot.crm import CALCULATED, Crm, Write
from tests.sandbox.hubspot.dump import dump
from tests.sandbox.hubspot.events import Announcer
from tests.sandbox.hubspot.faults import Faults
from tests.sandbox.hubspot.limits import Limits
from tests.sandbox.hubspot.lists import HubSpotList
from tests.sandbox.hubspot.mails import MailEvent, MailLog, counted
from tests.sandbox.hubspot.records import CrmRecord, Kind, Source
from tests.sandbox.hubspot.reference import DEFAULT_STAGES, Owner, Pipeline, Stage
from tests.sandbox.hubspot.workflows import Enrolment, Trigger, Workflow

ALL_SCOPES = frozenset(
    [
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.schemas.contacts.read",
        "crm.schemas.contacts.write",
        "crm.lists.read",
        "crm.lists.write",
        "crm.objects.deals.read",
        "crm.objects.owners.read",
        "automation",
        "content",
    ]
)
PERSON = Source("CRM_UI", "userId:98499705")


class HubSpotPortal:
    """One portal. Switches: `token`, `token_expires_at` (None: never), `scopes`, `page_token_seconds` (None:
    page tokens never expire), `limits`, `faults`, `crm.search_lag`, `announcer.shape`; `tells_tokens` (does
    it say what a token may do), `has_workflows` (a plan from Professional up), `custom_properties_max`;
    `folds_errors` (dated batches tell them with 200).
    `now` is seconds since 1970. `request_counts` has "METHOD /path" -> calls let through, "total" (all calls)
    and "http_429".
    """

    def __init__(
        self,
        token: str = "pat-eu1-sandbox",
        portal_id: int = 247279312,
        time_zone: str = "Europe/Madrid",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.token = token
        self.token_expires_at: float | None = None
        self.scopes = set(ALL_SCOPES)
        self.scopes_used: set[str] = set()
        self.page_token_seconds: float | None = None
        self.tells_tokens = True
        self.has_workflows = True
        self.custom_properties_max = 1_000
        self.portal_id = portal_id
        self.app_id = 51879189
        self.time_zone = time_zone
        self.now = now
        self.api = Source("INTEGRATION", str(self.app_id))
        self.limits = Limits(now, time_zone)
        self.faults = Faults()
        self.mails = MailLog()
        self.folds_errors = False
        self.crm = Crm(portal_id, self.app_id, now)
        self.lock = threading.RLock()
        self.request_counts: Counter[str] = Counter()
        self.write_calls = 0
        self.page_tokens: dict[str, float] = {}
        self.add_pipeline("Sales Pipeline", DEFAULT_STAGES, "default")

    @property
    def announcer(self) -> Announcer:
        """Shapes and subscriptions of webhook events."""
        return self.crm.announcer

    @property
    def on_event(self) -> list[Callable[[Json], None]]:
        """Called with every webhook event, outside the lock: append to it."""
        return self.crm.announcer.listeners

    @property
    def contacts(self) -> dict[str, CrmRecord]:
        """Contact id -> record with `.properties` and `.history`."""
        return self.crm.records["contacts"]

    @property
    def deals(self) -> dict[str, CrmRecord]:
        """Deal id -> record."""
        return self.crm.records["deals"]

    @property
    def tasks(self) -> dict[str, CrmRecord]:
        """Task id -> record; `task_contacts` gives who it is about."""
        return self.crm.records["tasks"]

    @property
    def lists(self) -> dict[str, set[str]]:
        """List name -> contact ids on it, as of now."""
        with self.lock:
            return {each.name: set(each.members) for each in self.crm.lists.by_id.values()}

    @property
    def enrolments(self) -> list[Enrolment]:
        """Every start of a workflow, in order of time."""
        return self.crm.workflows.enrolments

    @property
    def writes(self) -> list[Write]:
        """Every contact property written by the API, in order of time."""
        return self.crm.writes

    @contextmanager
    def changing(self) -> Iterator[Crm]:
        """The records under the lock; the events of what was done go out afterwards. Never nested."""
        events: list[Json] = []
        try:
            with self.lock:
                try:
                    yield self.crm
                finally:
                    events = self.announcer.take()
        finally:
            for event in events:
                for listener in self.on_event:
                    listener(event)

    def add_contact(self, properties: Mapping[str, str]) -> str:
        """A person creates a contact; returns its id. Read-only values (counters, `hs_additional_emails`,
        ";" between addresses) may be given: HubSpot knows them.
        """
        with self.changing() as crm:
            values = self._checked("contacts", properties)
            crm.check_unique("contacts", values, None)
            return crm.create("contacts", values, PERSON).record_id

    def edit_as_person(self, contact_id: str, properties: Mapping[str, str]) -> None:
        """A person edits a contact. Read-only values given here are HubSpot's own doing: they are kept with
        source CALCULATED and announced to nobody.
        """
        with self.changing() as crm:
            record = crm.records["contacts"][contact_id]
            values = self._checked("contacts", properties)
            crm.check_unique("contacts", values, record)
            definitions = crm.schemas["contacts"].properties
            own = {name: value for name, value in values.items() if definitions[name].read_only}
            if own:
                crm.change(record, own, CALCULATED)
            if len(own) < len(values):
                crm.change(record, {name: values[name] for name in values if name not in own}, PERSON)

    def add_deal(self, properties: Mapping[str, str], contact_ids: Sequence[str]) -> str:
        """A person creates a deal with these contacts; returns its id."""
        with self.changing() as crm:
            values = {"pipeline": "default"} | self._checked("deals", properties)
            record = crm.create("deals", values, PERSON)
            for contact_id in contact_ids:
                crm.link("deals", record.record_id, contact_id)
            return record.record_id

    def edit_deal(self, deal_id: str, properties: Mapping[str, str]) -> None:
        """A person edits a deal, for example moves its stage."""
        with self.changing() as crm:
            crm.change(crm.records["deals"][deal_id], self._checked("deals", properties), PERSON)

    def delete_deal(self, deal_id: str) -> None:
        """A person deletes a deal."""
        with self.changing() as crm:
            crm.archived[deal_id] = (crm.records["deals"].pop(deal_id), self.now())
            crm.links.drop("deals", deal_id)

    def add_owner(self, email: str, first_name: str = "", last_name: str = "") -> str:
        """A user of the portal; returns the owner id."""
        with self.lock:
            owner_id = str(70_000_001 + len(self.crm.owners))
            self.crm.owners[owner_id] = Owner(owner_id, email, first_name, last_name, self.now())
            return owner_id

    def add_pipeline(self, label: str, stages: Sequence[Stage], pipeline_id: str) -> None:
        """A deals pipeline; one named "default" is there from the start."""
        with self.lock:
            self.crm.pipelines[pipeline_id] = Pipeline(pipeline_id, label, tuple(stages), self.now())

    def add_list(
        self, name: str, processing_type: str = "MANUAL", where: tuple[str, str] | None = None
    ) -> str:
        """A person makes a list; returns its id. `where`: the property and value an active list filters by,
        which is shown and not carried out.
        """
        with self.lock:
            made = self.crm.lists.create(name, processing_type, self.now())
            made.where = where
            return made.list_id

    def archive_property(self, name: str) -> None:
        """A person archives a contact property."""
        with self.lock:
            schema = self.crm.schemas["contacts"]
            schema.archived[name] = schema.properties.pop(name)

    def add_workflow(
        self,
        workflow_id: str,
        name: str,
        trigger: Trigger,
        re_enrolment: bool = True,
        enabled: bool = True,
        suppresses: Sequence[str] = (),
    ) -> None:
        """A person builds a workflow. The list a ListTrigger names may come later."""
        with self.lock:
            workflow = Workflow(workflow_id, name, trigger, re_enrolment, enabled, tuple(suppresses))
            self.crm.workflows.by_id[workflow_id] = workflow

    def switch_workflow(self, workflow_id: str, on: bool) -> None:
        """Turn a workflow on or off."""
        with self.lock:
            self.crm.workflows.by_id[workflow_id].enabled = on

    def merge(self, primary_id: str, merged_id: str, *, under_new_id: bool = False) -> str:
        """A person merges two contacts: the primary's id lives on and answers for both, or a new one does.
        Returns it.
        """
        with self.changing() as crm:
            contacts = crm.records["contacts"]
            primary = contacts[primary_id]
            crm.merge(primary, contacts[merged_id], PERSON, under_new_id=under_new_id)
            return primary.record_id

    def delete(self, contact_id: str) -> None:
        """A person deletes a contact."""
        with self.changing() as crm:
            crm.remove(crm.records["contacts"][contact_id], PERSON)

    def restore(self, contact_id: str) -> None:
        """A person takes a deleted contact back."""
        with self.changing() as crm:
            crm.restore(contact_id, PERSON)

    def privacy_delete(self, contact_id: str) -> None:
        """A contact is deleted for good at the person's request: deletion, then privacyDeletion."""
        with self.changing() as crm:
            crm.remove(crm.records["contacts"][contact_id], PERSON)
            del crm.archived[contact_id]
            crm.announcer.privacy_deleted(contact_id, self.now(), PERSON)

    def mail(self, contact_id: str, event: MailEvent) -> None:
        """Something happened to a mail that HubSpot sent to a contact: the log and the counters tell it."""
        with self.changing() as crm:
            record = crm.records["contacts"][contact_id]
            self.mails.add(record.properties["email"], event)
            crm.change(record, counted(record.properties, event), CALCULATED)

    def other_apps(self, calls: int) -> None:
        """Other apps use up so many calls of the window and of the day."""
        with self.lock:
            self.limits.consume(calls)

    def list_named(self, name: str) -> HubSpotList | None:
        """The list of this name, with its id and members."""
        with self.lock:
            return self.crm.lists.named(name)

    def task_contacts(self, task_id: str) -> list[str]:
        """The ids of the contacts a task is about."""
        with self.lock:
            return self.crm.links.of("tasks", task_id, "contacts")

    def dump(self) -> Json:
        """The end state without ids and stamps: equal dumps mean equal portals."""
        with self.lock:
            return dump(self.crm)

    def _checked(self, kind: Kind, properties: Mapping[str, str]) -> dict[str, str]:
        values, faults = self.crm.schemas[kind].check(properties, by_api=False)
        if faults:
            raise ValueError(f"no such {kind} here: {[fault['message'] for fault in faults]}")
        return values
