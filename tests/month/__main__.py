"""`python -m tests.month`: a month in the life, its figures, and 0 when the sandbox's truth is Savia's."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import time
from collections import Counter
from dataclasses import asdict

from app.config import Schedule
from app.store import migrate
from app.store.database import make_engine
from app.store.embedded import EmbeddedServer
from tests.conftest import ROOT
from tests.month.figures import Day, Ending, ending_of
from tests.month.story import BEGINS, DAY, Month, month

FOLDER = ROOT / "var" / "month"
ENOUGH, FEW = 0.99, 0.01
"""Calls that succeed, calls that meet a limit."""


def main() -> int:
    """Play the month, print what it came to, write summary.json."""
    asked = _arguments()
    logging.disable(logging.WARNING)  # a vendor that is down for a day says so at every sync
    shutil.rmtree(FOLDER, ignore_errors=True)
    began = time.monotonic()
    with EmbeddedServer.start(FOLDER / "pg") as server:
        engine = make_engine(server.url)
        migrate.upgrade(engine)
        with month(
            engine,
            leads=asked.contacts,
            webinars=asked.webinars,
            seed=asked.seed,
            down=asked.down,
            sync_minutes=asked.sync_minutes,
            write_hours=asked.sync_minutes / 60 if asked.day else 24,
            say=say if asked.days else lambda _: None,
        ) as story:
            if asked.day:
                story.live_until(BEGINS + DAY)
            else:
                story.live()
            ending = ending_of(story)
            tell_calls(ending) if asked.day else tell(story, ending)
        engine.dispose()
    say(f"\n{time.monotonic() - began:.0f} s")
    _write(ending, story)
    return 0 if (has_good_calls(ending) if asked.day else is_good(ending)) else 1


def is_good(ending: Ending) -> bool:
    """Nothing differs, the calls were good ones, every webinar adds up."""
    return not (
        ending.differences
        or not has_good_calls(ending)
        or [one.zoom for one in ending.webinars] != list(ending.attendees)
        or any(one.missing or not one.is_final for one in ending.webinars)
    )


def has_good_calls(ending: Ending) -> bool:
    """Day by day enough succeed and few meet a limit; every scope is used; none speaks of nobody."""
    return not (
        ending.unused_scopes
        or ending.undefined
        or any(day.success < ENOUGH or day.limit_errors > FEW for day in ending.days)
    )


def tell(story: Month, ending: Ending) -> None:
    """The figures in words."""
    say("Savia's store against the sandbox's truth:")
    for one in ending.compared:
        say(f"   {one}")
    say("Post: " + ", ".join(f"{number} {name}" for name, number in sorted(story.post.tally.items())))
    away = f"{story.outage.vendor} was down on day {story.outage.day}"
    say(f"   {len(story.post.lost)} deliveries lost for good; {away}")
    for vendor, what, number in lost_deliveries(story):
        say(f"      {number} {vendor} {what}")
    for reason, times in sorted(story.problems.items()):
        say(f"   met {times} times: {reason}")
    split, mixed = len(ending.people.split), len(ending.people.mixed)
    say(f"People: {split} leads are several persons, {mixed} persons are several leads")
    tell_calls(ending)
    say("Webinars:")
    for webinar, came in zip(ending.webinars, ending.attendees, strict=False):
        say(f"   {webinar.run.starts_at:%Y-%m-%d} {webinar} (truly {came})")


def lost_deliveries(story: Month) -> list[tuple[str, str, int]]:
    """What nobody was ever told of: the vendor, Zoom's event or the mail act, how many."""
    found = Counter(
        (vendor, event.name if vendor == "zoom" else event.act) for vendor, event in story.post.lost
    )
    return [(vendor, what, number) for (vendor, what), number in sorted(found.items())]


def tell_calls(ending: Ending) -> None:
    """How the vendors were called."""
    whole = Day(
        -1,
        *(
            sum(getattr(day, name) for day in ending.days)
            for name in ("calls", "successful", "limited", "down")
        ),
    )
    worst = min(ending.days, key=lambda day: day.success)
    for name, day in (("the first day", ending.days[0]), ("the worst day", worst), ("all days", whole)):
        say(
            f"Calls, {name}: {day.calls}, {day.success:.2%} successful, {day.limited} limit errors"
            f" ({day.limit_errors:.2%}), {day.down} to a vendor that was down"
        )
    say(f"   scopes asked for and not used: {', '.join(ending.unused_scopes) or 'none'}")
    say(f"   calls with an undefined e-mail or name: {len(ending.undefined)}")


def say(text: str) -> None:
    """One piece of it, shown at once."""
    print(text, flush=True)


def _write(ending: Ending, story: Month) -> None:
    told = {
        "compared": [asdict(one) for one in ending.compared],
        "lost": lost_deliveries(story),
        "days": [asdict(one) for one in ending.days],
        "webinars": [str(one) for one in ending.webinars],
        "unused_scopes": ending.unused_scopes,
        "undefined": ending.undefined,
    }
    path = FOLDER / "summary.json"
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False, default=str) + "\n")
    say(f"Written to {path.relative_to(ROOT)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.month", description=__doc__)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument("--webinars", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--down", default="zoom", choices=("hubspot", "zoom", "activecampaign", "ga4"))
    parser.add_argument("--sync-minutes", type=int, default=1_440, help="story time between two syncs")
    parser.add_argument("--days", action="store_true", help="say when a day is over")
    parser.add_argument("--day", action="store_true", help="the first day only, by the schedule that ships")
    asked = parser.parse_args()
    if asked.day:
        asked.sync_minutes = Schedule().sync_minutes
    return asked


if __name__ == "__main__":
    sys.exit(main())
