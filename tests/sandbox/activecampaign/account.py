"""The stand-in account: one key, five calls a second for everybody, activities made when one looks."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tests.sandbox.cast import Lead
from tests.sandbox.mail_world import Campaign, MailAct, MailWorld

EVENTS = (
    "bounce", "click", "contact_tag_added", "contact_tag_removed", "deal_add", "deal_note_add",
    "deal_pipeline_add", "deal_stage_add", "deal_task_add", "deal_task_complete", "deal_tasktype_add",
    "deal_update", "forward", "list_add", "open", "reply", "sent", "share", "sms_reply", "sms_sent",
    "sms_unsub", "subscribe", "subscriber_note", "unsubscribe", "update",
)  # fmt: skip

SoftFailure = Literal["succeeded", "errors"]
"""How ActiveCampaign says no with a 200: {"succeeded": 0} or {"errors": [...]}."""

LIST_ID = 1
CALLS_A_SECOND = 5


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


@dataclass
class ActiveCampaignAccount:
    """One account that sent the mails of `mail`. What happens after `now()` has not happened yet. A contact's
    activities are those up to the last time it was fetched by id. `soft_failures` are answered next, in
    order, whatever is asked.
    """

    mail: MailWorld
    api_key: str = "sandbox-activecampaign-key"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    calls_a_second: int = CALLS_A_SECOND
    request_counts: Counter[str] = field(default_factory=Counter)
    http_429: int = 0
    soft_failures: list[SoftFailure] = field(default_factory=list)
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number the contacts and sort the acts by contact."""
        self.contact_ids = {lead.key: 101 + place for place, lead in enumerate(self.mail.leads)}
        self.leads: dict[int, Lead] = {self.contact_ids[lead.key]: lead for lead in self.mail.leads}
        self.campaigns: dict[int, Campaign] = {one.campaign_id: one for one in self.mail.campaigns}
        self._acts: dict[int, list[MailAct]] = {contact_id: [] for contact_id in self.leads}
        for act in self.mail.acts:
            self._acts[self.contact_ids[act.lead_key]].append(act)
        self._made_at = min(one.sent_at for one in self.mail.campaigns) - timedelta(days=30)
        self._left = {
            contact_id: act.at
            for contact_id, acts in self._acts.items()
            for act in reversed(acts)
            if act.act in {"bounce", "unsubscribe"}
        }
        self._updated: tuple[tuple[datetime, datetime], list[int]] | None = None
        self._fetched: dict[int, datetime] = {}
        self._calls: deque[float] = deque()
        self._hook_ids = 0
        self._lock = threading.Lock()

    def authorize(self, key: str) -> None:
        """Raises the 403 of a wrong key."""
        if key != self.api_key:
            raise Refused(403, {"message": "You are not authorized to access this account"})

    def admit(self) -> int:
        """Count one call; how many more this second takes. Raises the 429."""
        with self._lock:
            moment = self.clock()
            while self._calls and self._calls[0] <= moment - 1:
                self._calls.popleft()
            if len(self._calls) >= self.calls_a_second:
                self.http_429 += 1
                raise Refused(429, {"message": "Too Many Requests"}, {"Retry-After": "1"})
            self._calls.append(moment)
            return self.calls_a_second - len(self._calls)

    def fail_softly(self) -> None:
        """Raises the next failure that comes as a success."""
        with self._lock:
            kind = self.soft_failures.pop(0) if self.soft_failures else None
        if kind == "succeeded":
            raise Refused(200, {"succeeded": 0, "message": "Something went wrong"})
        if kind == "errors":
            raise Refused(200, {"errors": [{"title": "Unavailable", "detail": "Try again", "code": "x"}]})

    def happened(self, contact_id: int) -> list[MailAct]:
        """Everything in this contact's mailbox so far."""
        acts = self._acts[contact_id]
        return acts[: bisect_right(acts, self.now(), key=_when)]

    def updated_at(self, contact_id: int) -> datetime:
        """The last thing that happened to the contact; before that, when it was made."""
        acts = self._acts[contact_id]
        place = bisect_right(acts, self.now(), key=_when)
        return acts[place - 1].at if place else self._made_at

    def updated_after(self, since: datetime) -> list[int]:
        """The contacts to whom anything happened since then, by id."""
        asked = self.now(), since
        if self._updated is None or self._updated[0] != asked:
            self._updated = asked, [one for one in sorted(self.leads) if self.updated_at(one) > since]
        return self._updated[1]

    def is_active(self, contact_id: int) -> bool:
        """Neither unsubscribed nor bounced."""
        return contact_id not in self._left or self._left[contact_id] > self.now()

    def fetch(self, contact_id: int) -> Lead:
        """The contact; from now on its activities up to this moment exist. Raises the 404."""
        if contact_id not in self.leads:
            raise Refused(404, {"message": f"No Result found for Subscriber with id {contact_id}"})
        self._fetched[contact_id] = self.now()
        return self.leads[contact_id]

    def activities(self, contact_id: int) -> list[MailAct]:
        """What had happened when the contact was last fetched; bounces are in no contact's activities."""
        until = self._fetched.get(contact_id)
        if until is None:
            return []
        return [act for act in self._acts[contact_id] if act.at <= until and act.act != "bounce"]

    def add_hook(self, hook: dict[str, Any]) -> dict[str, Any]:
        """The stored webhook, with its id."""
        unknown = set(hook["events"]) - set(EVENTS)
        if unknown or not str(hook["url"]).startswith("http"):
            title = "The event or url is not valid"
            raise Refused(422, {"errors": [{"title": title, "code": "webhook_invalid", "source": {}}]})
        with self._lock:
            self._hook_ids += 1
            stored = {
                "cdate": self.now().isoformat(timespec="seconds"),
                "listid": str(hook.get("listid", "0")),
                "name": hook["name"],
                "url": hook["url"],
                "events": list(hook["events"]),
                "sources": list(hook["sources"]),
                "links": [],
                "state": "1",
                "id": str(self._hook_ids),
            }
            self.hooks[stored["id"]] = stored
        return stored


def _when(act: MailAct) -> datetime:
    return act.at
