"""ActiveCampaign as a source that is asked: contacts as they change, activities in rotation, small tables.

Nobody can be asked "all opens and clicks since": activities are read one contact at a time, so a pull spends
at most its budget of calls and the cursor says how fresh that leaves us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from app.domain.changes import Problem
from app.domain.errors import BadCredentials, NotForUs, TryLater
from app.domain.records import Page, Record
from connectors.activecampaign.activities import ContactActivities, acted_at, read_contact
from connectors.activecampaign.belongings import INCLUDE, joined
from connectors.activecampaign.client import PAGE_SIZE, ActiveCampaignClient, NotThere, Row, is_last, rows_of
from connectors.activecampaign.moments import moment
from connectors.activecampaign.rotation import Rotation, from_cursor
from connectors.http import PageLoopGuard

CALLS_A_PULL = 400
"""A hundred seconds at four calls a second."""

CONTACTS_A_PAGE = 2
"""Contacts looked at between two cursors: a second's work."""

TURN = timedelta(minutes=5)
"""One turn of activities has one budget, however many pulls it is spread over; the next begins after this."""

OVERLAP = timedelta(days=1)
"""`updated_after` is documented as a date; in which zone it is read is not."""


class ActiveCampaignSource:
    """A PullSource. One pull of contacts or links and one turn of activities makes at most about `budget`
    calls and leaves the rest to the next; the small tables are read whole.
    """

    name = "activecampaign"
    streams: tuple[str, ...] = (
        "contacts",
        "activities",
        "campaigns",
        "lists",
        "tags",
        "automations",
        "scores",
        "links",
    )
    """The small tables only give names, so they come after what we live by."""

    def __init__(self, client: ActiveCampaignClient, budget: int = CALLS_A_PULL) -> None:
        self._client = client
        self._budget = budget

    def check(self) -> list[Problem]:
        """A listing of one contact: address, key, and whether the key's user may see contacts."""
        try:
            self._client.package.contacts.list_all_contacts(limit=1)
        except TryLater as failure:
            return [Problem("warning", "activecampaign", str(failure))]
        except (BadCredentials, NotThere) as failure:
            return [Problem("error", "activecampaign", f"{failure}; check base_url and the key")]
        return []

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        """Pages of `stream`. The records of "activities" are named by what they show: activities.sent,
        .open, .click, .unsubscribed. The last page may be empty: it carries the cursor.
        """
        if stream == "contacts":
            return self._contacts(after or {}, now)
        if stream == "activities":
            return self._activities(after or {}, now)
        return _offered(
            stream, self._links(after or {}) if stream == "links" else self._table(stream, after or {})
        )

    # --- small tables ----------------------------------------------------------------------------------

    def _table(self, stream: str, after: Mapping[str, Any]) -> Iterator[Page]:
        start = int(after.get("offset", 0))
        for rows, following, _ in self._client.pages(stream, self._listing(stream), start):
            yield Page(self._records(stream, rows), {"offset": following})

    def _listing(self, stream: str) -> Callable[[Mapping[str, Any]], Row]:
        package = self._client.package
        listings: Mapping[str, Callable[..., Row]] = {
            "campaigns": package.campaigns.list_all_campaigns,
            "lists": package.lists.retrieve_all_lists,
            "tags": package.tags.list_all_tags,
            "automations": package.automations.list_all_automations,
        }
        order = {"orders[sdate]": "ASC"} if stream == "campaigns" else {}
        if stream in listings:
            return lambda window: listings[stream](**order, **window)
        return lambda window: self._client.get(f"/{stream}", window)

    def _links(self, after: Mapping[str, Any]) -> Iterator[Page]:
        """Campaign by campaign, the one changed longest ago first; drafts have no readers."""
        since = moment(after.get("changed_since"))
        pages = self._client.pages("campaigns", self._listing("campaigns"))
        campaigns = [row for rows, _, _ in pages for row in rows]
        changed = sorted(
            (at, str(row.get("id")))
            for row in campaigns
            if moment(row.get("sdate")) and (at := _changed(row))
        )
        due = [(at, campaign_id) for at, campaign_id in changed if since is None or at >= since]
        for at, campaign_id in due[: self._budget]:
            records = tuple(self._campaign_links(campaign_id))
            yield Page(records, {"changed_since": at.isoformat()})
        if not due:
            yield Page((), dict(after))

    def _campaign_links(self, campaign_id: str) -> Iterator[Record]:
        path = f"/campaigns/{campaign_id}/links"
        try:
            for rows, _, _ in self._client.pages("links", lambda window: self._client.get(path, window)):
                yield from self._records("links", rows)
        except NotThere:
            return  # deleted since it was listed

    # --- contacts --------------------------------------------------------------------------------------

    def _contacts(self, after: Mapping[str, Any], now: datetime) -> Iterator[Page]:
        """A walk by id: the first over all contacts, later ones over those updated since the last began."""
        since = moment(after.get("since"))
        began = moment(after.get("began")) or now
        walk = {"since": after.get("since", ""), "began": began.isoformat()}
        last_id, guard = str(after.get("after_id", "")), PageLoopGuard("activecampaign")
        for _ in range(self._budget):
            rows, last = self._contacts_after(last_id, since, guard, INCLUDE)
            last_id = str(rows[-1].get("id")) if rows else last_id
            over = {"since": began.isoformat(), "began": "", "after_id": ""}
            yield Page(self._records("contacts", rows), over if last else walk | {"after_id": last_id})
            if last:
                return

    def _contacts_after(
        self, last_id: str, since: datetime | None, guard: PageLoopGuard, include: str = ""
    ) -> tuple[list[Row], bool]:
        asked: dict[str, Any] = {"status": -1, "limit": PAGE_SIZE, "orders[id]": "ASC"}
        asked["id_greater"] = last_id or "0"
        if include:
            asked["include"] = include
        if since:
            asked["filters[updated_after]"] = (since - OVERLAP).date().isoformat()
        body = self._client.package.contacts.list_all_contacts(**asked)
        rows = rows_of(body, "contacts")
        if rows:
            guard.check(str(rows[-1].get("id")))
        return joined(rows, body) if include else rows, is_last(rows, body, len(rows))

    # --- activities ------------------------------------------------------------------------------------

    def _activities(self, after: Mapping[str, Any], now: datetime) -> Iterator[Page]:
        began, spent = _turn(after, now)
        rotation, found = from_cursor(after), list[Record]()
        looks = self._looks(rotation, now, spent)
        for number, (seen, rotation, spent) in enumerate(looks, start=1):
            found += self._shown(seen)
            if number % CONTACTS_A_PAGE == 0:
                yield Page(tuple(found), _reached(rotation, began, spent, now), goes_on=True)
                found = []
        yield Page(tuple(found), _reached(rotation, began, spent, now))

    def _looks(
        self, rotation: Rotation, now: datetime, spent: int
    ) -> Iterator[tuple[ContactActivities, Rotation, int]]:
        """Contact after contact while the budget lasts, with what is spent of it. Half of it at most goes to
        the active ones, or the others would never have their turn.
        """
        for contact_id in rotation.due(now):
            if spent >= self._budget // 2:
                break
            seen, rotation = self._look(contact_id, rotation, now)
            spent += seen.calls
            yield seen, rotation, spent
        yield from self._round(rotation, now, spent)

    def _round(
        self, rotation: Rotation, now: datetime, spent: int
    ) -> Iterator[tuple[ContactActivities, Rotation, int]]:
        guard = PageLoopGuard("activecampaign")
        while spent < self._budget:
            rows, last = self._contacts_after(rotation.after_id, None, guard)
            spent += 1
            for row in rows:
                if spent >= self._budget:
                    return
                contact_id = str(row.get("id"))
                known = rotation.active.get(contact_id)
                if known is None or known.looked_at < (rotation.round_began or now):
                    seen, rotation = self._look(contact_id, rotation, now)
                    spent += seen.calls
                else:
                    seen = ContactActivities(0, None, ())
                rotation = rotation.at(contact_id, now)
                yield seen, rotation, spent
            if last:  # the next round is for the next turn, however little this one has cost
                yield ContactActivities(0, None, ()), rotation.round_over(now), self._budget
                return

    def _look(self, contact_id: str, rotation: Rotation, now: datetime) -> tuple[ContactActivities, Rotation]:
        seen = read_contact(self._client, contact_id, rotation.since(contact_id))
        if seen.contact is None:
            return seen, rotation.gone(contact_id)
        return seen, rotation.looked(contact_id, acted_at(seen), now)

    def _shown(self, seen: ContactActivities) -> Iterator[Record]:
        for shape, payload in seen.shown:
            yield Record(self.name, f"activities.{shape}", payload)

    def _records(self, stream: str, rows: list[Row]) -> tuple[Record, ...]:
        return tuple(Record(self.name, stream, row) for row in rows)


def _offered(stream: str, pages: Iterator[Page]) -> Iterator[Page]:
    """The pages of a table that the account may not have, or not show to the key's user."""
    try:
        yield from pages
    except NotForUs:
        message = f"activecampaign: {stream} are not shown to this key; let its user see them, or do without"
        raise NotForUs(message) from None


def _turn(after: Mapping[str, Any], now: datetime) -> tuple[datetime, int]:
    """When the present turn of activities began, and what is spent of its budget."""
    turn = after.get("turn") or {}
    began = moment(turn.get("began"))
    if began is None or not timedelta() <= now - began < TURN:
        return now, 0
    return began, int(turn.get("spent", 0))


def _reached(rotation: Rotation, began: datetime, spent: int, now: datetime) -> dict[str, Any]:
    return {**rotation.to_cursor(now), "turn": {"began": began.isoformat(), "spent": spent}}


def _changed(campaign: Row) -> datetime | None:
    """When a campaign was last sent or edited: its links may differ since."""
    return max((at for key in ("sdate", "mdate") if (at := moment(campaign.get(key)))), default=None)
