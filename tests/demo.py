"""`make demo`: five hundred leads, two webinars, from signed webhook to HubSpot, against local stand-ins."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter
from typing import Any

from tests.story import ROOT, Story, StoryBroken

FOLDER = ROOT / "var" / "demo"


def main() -> int:
    """Play the story, print what happened, write summary.json. 0 when nothing was lost or doubled."""
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        with Story(FOLDER, say=say) as story:
            summary = play(story)
    except StoryBroken as reason:
        say(f"The demo broke: {reason}")
        return 1
    summary["seconds"] = round(time.monotonic() - began, 1)
    (FOLDER / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    say(f"\n{json.dumps(summary, indent=2)}\n\nWritten to {FOLDER.relative_to(ROOT) / 'summary.json'}")
    bad = [name for name in ("lost", "duplicated", "http_429", "second_run_writes") if summary[name]]
    if bad:
        say(f"The demo fell short: {', '.join(bad)} should be 0")
    return 1 if bad else 0


def play(story: Story) -> dict[str, Any]:
    """The acts of the story, and its summary."""
    say(
        "1. The clock fires the first sync: HubSpot's contacts and yesterday's webinar are pulled and scored."
    )
    story.wait_until("the first sync", story.synced)
    story.settle()
    say("2. The first plan waits for a person, and enrols nobody unasked. Shown with enrolments, applied:\n")
    story.release(enrol=True)
    say("\n3. A webinar happens: Zoom's and HubSpot's signed webhooks arrive; the worker writes by itself.")
    story.play_webinar()
    say("4. The webinar is over: its reports are pulled, and what they change is released.\n")
    story.job("sync")
    story.settle()
    story.release()
    story.settle()
    story.release()
    say("\n5. Again, with nothing new:")
    before = story.view("counts")["write_calls"]
    story.job("sync")
    story.settle()
    again = story.release()
    counts = story.view("counts")
    say(f"   {counts['write_calls'] - before} write calls, plan {again or 'empty'}")
    (story.folder / "counts.json").write_text(json.dumps(counts, indent=2, ensure_ascii=False) + "\n")
    return summarise(story, counts, counts["write_calls"] - before)


def summarise(story: Story, counts: dict[str, Any], second_run_writes: int) -> dict[str, Any]:
    """What stands in HubSpot in the end, by the sandbox's own count."""
    dump = story.view("dump")
    check = story.job("check", "--startup", may_fail=True)["state"]
    scored = {email: props for email, props in dump["contacts"].items() if props.get("savia_score")}
    _tell_contacts(scored)
    return {
        "leads": story.leads,
        "activities": check["activities"],
        "scored": len(scored),
        "written": {
            "properties": sum(
                sum(name.startswith("savia_") for name in properties) for properties in scored.values()
            ),
            "lists": sum(len(members) for members in dump["lists"].values()),
            "enrolments": len(dump["enrolments"]),
            "tasks": len(dump["tasks"]),
        },
        "second_run_writes": second_run_writes,
        "requests": counts["requests"],
        "http_429": counts["http_429"],
        "lost": counts["lost"],
        "duplicated": counts["duplicated"],
        "p95_activity_to_property_s": round(counts["latency_p95"] or 0.0, 2),
        "held_records": check["records held"],
    }


def _tell_contacts(scored: dict[str, dict[str, str]]) -> None:
    say("\nWhat changed in HubSpot:")
    bands = Counter(properties["savia_band"] for properties in scored.values())
    say(f"   {len(scored)} contacts scored: " + ", ".join(f"{count} {band}" for band, count in bands.items()))
    ranked = sorted(scored.items(), key=lambda item: -float(item[1]["savia_score"]))
    for email, properties in (ranked[0], ranked[len(ranked) // 2], ranked[-1]):
        say(f"\n   {email}: {properties['savia_score']} points, {properties['savia_band']}")
        for reason in properties["savia_reasons"].splitlines():
            say(f"      {reason}")


def say(text: str) -> None:
    """One piece of the story, shown at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
