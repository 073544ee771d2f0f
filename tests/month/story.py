"""The month as it goes: the schedule fires in story time, the post comes, people work, vendors go down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.domain.errors import SaviaError, TryLater
from app.pipeline import steps
from app.pipeline.absorb import absorb, reread_contacts
from app.pipeline.apply import apply_plan, writing
from app.pipeline.pull import pull_source
from app.pipeline.understand import rescore_touched
from app.pipeline.write_back import show_plan
from app.services import Services
from app.store import cursors
from app.web import create_app
from connectors.activecampaign.pull import TURN
from connectors.activecampaign.rotation import Rotation, from_cursor
from tests.month.post import Post
from tests.month.stage import StoryClock, Vendors, living, make_vendors, serving

BEGINS = datetime(2026, 11, 1, tzinfo=UTC)
SETTLING = timedelta(days=4)
"""After the month: the last reports become final, GA4's last days stop growing."""

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Outage:
    """The vendor that is away on one day of the month (from 0)."""

    vendor: str
    day: int

    def covers(self, vendor: str, at: datetime) -> bool:
        begins = BEGINS + self.day * DAY
        return vendor == self.vendor and begins <= at < begins + DAY


@dataclass
class Month:
    """One month. `sync_minutes` and `write_hours` are the schedule. Waits are the story's: nothing sleeps."""

    vendors: Vendors
    clock: StoryClock
    services: Services
    post: Post
    outage: Outage
    sync_minutes: int
    write_hours: float
    say: Callable[[str], None]
    days: list[Counter[tuple[str, str]]] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)

    def live(self) -> None:
        """From the first sync to the last reconciliation."""
        self.live_until(self.vendors.ends + SETTLING)
        self._go_round()
        self._day_over()

    def live_until(self, ends: datetime) -> None:
        """From the first sync on, by the schedule."""
        self._sync()
        self._release()
        written = following = BEGINS
        while self.clock.now < ends:
            following = max(following + timedelta(minutes=self.sync_minutes), self.clock.now)
            self._until(following)
            self._sync()
            if self.clock.now - written >= timedelta(hours=self.write_hours):
                self._write()
                written = self.clock.now
            if (self.clock.now - BEGINS) // DAY > len(self.days):
                self._day_over()

    def _until(self, moment: datetime) -> None:
        """The post and what people do in HubSpot, in order of time."""
        errands = self.vendors.office.errands
        while errands and errands[0][0] <= moment:
            at, errand = errands.pop(0)
            self._deliver(at)
            errand(self.vendors.portal)
        self._deliver(moment)

    def _deliver(self, moment: datetime) -> None:
        for due in self.post.deliver_until(moment):
            self.clock.now = max(self.clock.now, due)
        self.clock.now = max(self.clock.now, moment)

    def _sync(self) -> None:
        """One round over every vendor, in as many steps as it takes; then what it and the post brought."""
        vendor = self.outage.vendor
        self.vendors.traffic.down = {vendor} if self.outage.covers(vendor, self.clock.now) else set()
        following = ["sync"]
        while "sync" in following:
            try:
                following = steps.sync(self.services, self.clock())
            except SaviaError as reason:
                self.problems[str(reason)] += 1
                following = []
        self._understand()

    def _understand(self) -> None:
        while absorb(self.services, self.clock()).more:
            pass
        while not self._is_hubspot_down() and reread_contacts(self.services, self.clock()).more:
            pass
        while rescore_touched(self.services, self.clock()).more:
            pass

    def _is_hubspot_down(self) -> bool:
        return "hubspot" in self.vendors.traffic.down

    def _release(self) -> None:
        """The first plans, with everything the portal lacks, as a person releases them."""
        more, enrol = True, True
        while more:  # the first look is at everybody; the others go on with who is left
            shown = show_plan(self.services, self.clock(), with_setup=True, enrol=enrol)
            if shown.plan.changes:
                with writing(self.services) as fence:
                    apply_plan(self.services, shown.plan.fingerprint, fence, released=True)
            more, enrol = shown.more, False

    def _write(self) -> None:
        if self._is_hubspot_down():
            return
        following = ["write_back"]
        while following:
            try:
                following = steps.write_back(self.services, self.clock())
            except TryLater as reason:  # as the worker does: cut off on a busy machine, it goes on later
                self.problems[str(reason)] += 1
                self.clock.move(minutes=1)

    def _day_over(self) -> None:
        calls = self.vendors.traffic.taken()
        self.days.append(calls)
        self.say(f"day {len(self.days)}: {calls.total()} calls, it is {self.clock.now:%Y-%m-%d %H:%M}")

    def _go_round(self) -> None:
        """Until everybody's mail activities were looked at after the month's end: turn after turn of these
        alone, since nothing else happens any more.
        """
        self._write()
        self._sync()
        began, place = self.clock(), self._rotation().after_id
        while not _is_round(self._rotation(), began, place):
            now = self.clock()
            pull_source(self.services, "activecampaign", now, streams=("activities",))
            self.clock.now = max(self.clock.now, now + TURN)
        self._sync()

    def _rotation(self) -> Rotation:
        with self.services.database.connect() as conn:
            return from_cursor(cursors.read(conn, "activecampaign", "activities"))


def _is_round(rotation: Rotation, began: datetime, place: str) -> bool:
    """Has the rotation come back to `place`, where it stood when it `began`?"""
    if rotation.whole_round is not None and rotation.whole_round >= began:
        return True
    comes_again = rotation.round_began is not None and rotation.round_began >= began
    return comes_again and int(rotation.after_id or 0) >= int(place or 0)


@contextmanager
def month(
    database: sa.Engine,
    *,
    leads: int,
    webinars: int,
    seed: int = 7,
    down: str = "zoom",
    day_down: int = 7,
    sync_minutes: int = 360,
    write_hours: float = 24,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[Month]:
    """A month that is about to begin, for as long as the block lasts."""
    clock = StoryClock(BEGINS)
    vendors = make_vendors(clock, leads, webinars, seed)
    with serving(vendors) as url, living(vendors, clock, database, url) as services:
        outage = Outage(down, day_down)
        post = Post(vendors, clock, create_app(services).test_client(), outage.covers)
        yield Month(vendors, clock, services, post, outage, sync_minutes, write_hours, say)
