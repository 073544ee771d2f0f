"""`python -m bench.engines [WORD ...]`: every row, or those with a word in their name, as a Markdown table.

Takes about 15 minutes. Needs `pip install pgqueuer==1.6.0`, which no requirements file of ours has.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from app.store.embedded import EmbeddedServer
from bench.engines import faults, weight
from bench.engines.rig import ENGINES

Row = Callable[[str, str, Path], str]

ROWS: dict[str, Row] = {
    "takeover after kill -9, s (5 runs)": lambda *a: _several(5, lambda: faults.takeover(*a, "tuned", 40)),
    "takeover with the defaults, s": lambda *a: faults.takeover(*a, "defaults", 75),
    "one lock, worker killed": faults.serial_after_kill,
    "one lock, worker frozen 30 s": faults.frozen,
    "database cut 20 s": lambda name, _, folder: faults.database_cut(name, folder / f"{name}20", "tuned", 20),
    "database cut 60 s": lambda name, _, folder: faults.database_cut(name, folder / f"{name}60", "tuned", 60),
    "database cut 20 s, defaults": lambda name, _, folder: faults.database_cut(
        name, folder / f"{name}d", "defaults", 20
    ),
    "job in the caller's transaction": weight.transactional,
    "asked for while the same key runs": faults.asked_while_running,
    "SIGTERM in a 5 s job": lambda *a: faults.sigterm(*a, 5),
    "SIGTERM in a 10 s job": lambda *a: faults.sigterm(*a, 10),
    "a job that always raises": faults.always_raises,
    "100,000 finished jobs, kept": lambda *a: weight.growth(*a, kept=True),
    "100,000 finished jobs, deleted": lambda *a: weight.growth(*a, kept=False),
    "rates, median of 3": weight.rates,
    "idle worker": weight.idle,
    "package": lambda name, *_: weight.package(name),
}

OWN_PASS = "takeover with the defaults and a pass of our own, s"


def _several(times: int, run: Callable[[], str]) -> str:
    """At different moments between two heartbeats."""
    found = []
    for _ in range(times):
        time.sleep(random.uniform(0, 3))
        found.append(run())
    return ", ".join(sorted(found, key=lambda text: (len(text), text)))


def main(words: list[str]) -> int:
    if importlib.util.find_spec("pgqueuer") is None:
        print("pgqueuer is compared here but never shipped: pip install pgqueuer==1.6.0", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)  # the embedded server of root runs as another user
        with EmbeddedServer.start(folder / "pg") as server:
            machine = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
            print(f"| {machine} | {' | '.join(ENGINES)} |\n|---|---|---|")
            for title, row in ROWS.items():
                if not words or any(word in title for word in words):
                    cells = [row(name, server.url, folder) for name in ENGINES]
                    print(f"| {title} | {' | '.join(cells)} |", flush=True)
            if not words or any(word in OWN_PASS for word in words):
                cell = faults.takeover("procrastinate", server.url, folder, "defaults, own pass", 75)
                print(f"| {OWN_PASS} | {cell} | - |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
