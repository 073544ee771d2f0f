"""`make chaos`: the story under fire with 1, 2 and 4 workers, against the same story undisturbed; then a
frozen writer, a database cut, releases and restarts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.acts import Ending, play
from tests.chaos.crew import Memory
from tests.chaos.dynos import deploys
from tests.chaos.end_state import canonical, differences, settled
from tests.chaos.scenes import frozen_and_cut
from tests.chaos.stage import Setting
from tests.story import ROOT, StoryBroken

FOLDER = ROOT / "var" / "chaos"
ROW = "{:11}{:>8}  {:62}{:>5}{:>8}  {:9}{:>9}{:>7}"
TITLE = ROW.format("writes", "workers", "kills", "lost", "doubled", "same end", "takeover", "rest")


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: a run under fire beside the undisturbed one."""

    setting: Setting
    ending: Ending
    differences: list[str]

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled, the same end, and nothing given up on the way."""
        ending = self.ending
        return not (
            ending.lost or ending.duplicated or ending.dropped or ending.failed_jobs or self.differences
        )

    def line(self) -> str:
        """The run as one line of the table."""
        ending, setting = self.ending, self.setting
        kills = ", ".join(f"{number} {kind}" for kind, number in sorted(ending.strikes.items()))
        same = "yes" if not self.differences else f"{len(self.differences)} not"
        return ROW.format(
            name_of(setting),
            setting.workers,
            kills,
            ending.lost,
            ending.duplicated,
            same,
            f"{ending.takeover:.1f} s",
            f"{ending.settled_in:.0f} s",
        )


def name_of(setting: Setting) -> str:
    """How this run writes."""
    return "unattended" if setting.unattended else "released"


def main() -> int:
    """Play, compare, print the table and write summary.json. 0 when every line is good."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the processes of the story are ended
    shutil.rmtree(FOLDER, ignore_errors=True)
    now = datetime.now(UTC)
    base = Setting(now=now, leads=asked.leads, seed=asked.seed)
    print("The story undisturbed, with 2 workers ...", flush=True)
    quiet = play(FOLDER / "undisturbed", base)
    print(f"   {quiet.seconds:.0f} s, lost {quiet.lost}, doubled {quiet.duplicated}\n\n{TITLE}", flush=True)
    results = []
    for workers in asked.workers:
        for unattended in (False, True):
            setting = replace(base, workers=workers, unattended=unattended, fire=asked.seconds)
            results.append(under_fire(setting, quiet))
    single = [frozen(base, quiet, asked.seconds / 2), restarted(base, quiet)]
    _write_summary(quiet, results)
    return 0 if all(result is not None and result.good for result in results) and all(single) else 1


def frozen(base: Setting, quiet: Ending, seconds: float) -> bool:
    """A worker frozen while it writes and the database cut off, for so many seconds each."""
    try:
        blows, ending = frozen_and_cut(FOLDER / "frozen", base, seconds)
    except StoryBroken as reason:
        print(f"frozen and cut: the story broke: {reason}", flush=True)
        return False
    differing = compared(quiet, ending, unattended=True)
    say(
        f"\nA writer frozen for {seconds:g} s, then the database gone for {seconds:g} s:",
        f"   another worker wrote {blows.takeover:.1f} s after the freeze; {blows.writers} writers in all,"
        f" {blows.fences_falling} rows out of their turn",
        f"   {blows.ended_by_the_cut} processes ended in the cut and were started again; all were ready"
        f" {blows.back_after:.1f} s after it; {blows.stuck_jobs} jobs stuck",
        _judged(ending, differing),
    )
    return not (differing or ending.lost or ending.duplicated or blows.fences_falling or blows.stuck_jobs)


def restarted(base: Setting, quiet: Ending) -> bool:
    """A simulated Heroku."""
    try:
        told, ending = deploys(FOLDER / "dynos", base)
    except StoryBroken as reason:
        print(f"dynos: the story broke: {reason}", flush=True)
        return False
    differing = compared(quiet, ending, unattended=True)
    say(
        f"\n{len(told.ended_within)} rounds of a release and a restart of every dyno in the story:",
        f"   releases ended with {sorted(set(told.releases))}, /healthz without a key: {told.bare_status}",
        f"   the slowest dyno ended {max(told.ended_within):.1f} s after SIGTERM, killed were {told.killed}",
        f"   memory at the end, RSS (PSS) in MB: {_memory(told.memory)}; no job held more than"
        f" {told.release_mb:.0f}",
        "   the last round stands for a rollback: the same code on tables marked as a later release's",
        _judged(ending, differing),
    )
    return not (differing or ending.lost or ending.duplicated or told.killed or told.bare_status != 200)


def _memory(found: Mapping[str, Memory]) -> str:
    return ", ".join(f"{name} {one.rss:.0f} ({one.pss:.0f})" for name, one in found.items())


def say(*lines: str) -> None:
    """Lines for a person, shown at once."""
    print("\n".join(lines), flush=True)


def _judged(ending: Ending, differing: list[str]) -> str:
    same = "the same end" if not differing else f"{len(differing)} differences: {differing[:5]}"
    return f"   lost {ending.lost}, doubled {ending.duplicated}, {ending.failed_jobs} jobs given up, {same}"


def under_fire(setting: Setting, quiet: Ending) -> Result | None:
    """One run, printed as it ends. None when the story broke."""
    name = f"{name_of(setting)}-{setting.workers}"
    try:
        ending = play(FOLDER / name, setting)
    except StoryBroken as reason:
        print(f"{name}: the story broke: {reason}", flush=True)
        return None
    result = Result(setting, ending, compared(quiet, ending, unattended=setting.unattended))
    print(result.line(), flush=True)
    for line in (*ending.details[:5], *result.differences[:10]):
        print(f"      {line}", flush=True)
    return result


def compared(quiet: Ending, ending: Ending, *, unattended: bool) -> list[str]:
    """Where the end is not as on an undisturbed day. Unattended writes leave traces of their own moments."""
    view = settled if unattended else canonical
    return list(differences(view(quiet.dump), view(ending.dump)))


def _write_summary(quiet: Ending, results: list[Result | None]) -> None:
    told = [_told(quiet)] + [
        {"workers": one.setting.workers, "unattended": one.setting.unattended}
        | {"differences": one.differences[:50]}
        | _told(one.ending)
        for one in results
        if one is not None
    ]
    path: Path = FOLDER / "summary.json"
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    print(f"\nWritten to {path.relative_to(ROOT)}")


def _told(ending: Ending) -> Mapping[str, object]:
    return {name: value for name, value in asdict(ending).items() if name != "dump"}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="under fire in each run")
    parser.add_argument("--workers", type=_numbers, default=(1, 2, 4), help="e.g. 1,2,4: a run for each")
    parser.add_argument("--leads", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--short", action="store_true", help="30 seconds, 2 workers, 100 leads")
    asked = parser.parse_args()
    if asked.short:
        asked.seconds, asked.workers, asked.leads = 30.0, (2,), 100
    return asked


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
