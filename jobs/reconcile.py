"""After each webinar: what Zoom counted, what HubSpot has, and whom nobody could be matched with."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from app.domain.reconciliation import WORDS, Reconciled
from app.pipeline.reconcile import reconciled
from app.wiring import open_services
from jobs.console import Console

NAME = "reconcile"
HELP = "Compare what Zoom counted of each webinar with the contacts in HubSpot; list who matches nobody."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which webinar, and whether to name people."""
    parser.add_argument("webinar_id", nargs="?", default="", help="one webinar only")
    parser.add_argument("--review", action="store_true", help="name those who match no contact, and why")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 1 when Zoom counted somebody whom we do not hold."""
    with open_services(os.environ) as services, services.database.connect() as conn:
        found = [one for one in reconciled(conn) if args.webinar_id in ("", one.run.webinar_id)]
    for line in told(found, review=args.review):
        console.line(line)
    if console.as_json:
        console.report({"webinars": [_as_json(one, review=args.review) for one in found]})
    return 1 if any(one.missing for one in found) else 0


def told(found: list[Reconciled], *, review: bool) -> Iterator[str]:
    """One line a webinar, and below it the people to review."""
    for one in found:
        state = "final" if one.is_final else "the report may still grow"
        same = f", {one.matched - one.leads} of them under a second name" if one.matched > one.leads else ""
        about = f"{one.run.starts_at:%Y-%m-%d %H:%M} {one.run.webinar_id} {one.run.topic}"
        yield f"{about}: {one}{same} ({state})"
        if review:
            yield from (f"    {who.attendee}: {WORDS[who.why]}" for who in one.unmatched if who.why)
    if not found:
        yield "No report of a webinar has been read yet: python -m jobs sync"


def _as_json(one: Reconciled, *, review: bool) -> dict[str, object]:
    people = [{"attendee": who.attendee, "why": who.why} for who in one.unmatched]
    return {
        "webinar_id": one.run.webinar_id,
        "starts_at": one.run.starts_at.isoformat(),
        "topic": one.run.topic,
        "zoom": one.zoom,
        "hubspot": one.matched,
        "unmatched": people if review else len(people),
        "missing": one.missing,
        "surplus": one.surplus,
        "final": one.is_final,
    }
