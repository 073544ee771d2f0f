"""Databases, workers as child processes, and waiting: what every row of the comparison needs."""

from __future__ import annotations

import importlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg

from bench.engines.trials import Ledger

ENGINES = ("procrastinate", "pgqueuer")
_numbers = itertools.count(1)


def engine(name: str) -> ModuleType:
    """Imported when wanted: a worker of one engine must not weigh what the other imports."""
    return importlib.import_module(f"bench.engines.with_{name}")


@dataclass(slots=True)
class Rig:
    """One engine in one fresh database, with its workers."""

    name: str
    url: str
    folder: Path
    ledger: Ledger
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def engine(self) -> ModuleType:
        return engine(self.name)

    def ask(self, *wanted: Mapping[str, Any]) -> None:
        with psycopg.connect(self.url) as conn:
            self.engine.ask(conn, list(wanted))

    def start(self, how: str = "tuned", *, kept: bool = False, at_once: int = 2) -> subprocess.Popen[bytes]:
        """A worker that is up: it has a connection of its own and listens."""
        before = self.connections()
        command = [
            sys.executable,
            "-m",
            "bench.engines.work",
            self.name,
            self.url,
            str(self.ledger.path),
            how,
        ]
        with (self.folder / f"worker{len(self.workers)}.log").open("wb") as log:
            worker = subprocess.Popen(
                [*command, "kept" if kept else "deleted", str(at_once)], stdout=log, stderr=log
            )
        self.workers.append(worker)
        wait_for(lambda: self.connections() > before, 20)
        time.sleep(1)
        return worker

    def connections(self) -> int:
        with psycopg.connect(self.url, autocommit=True) as conn:
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        return int(row[0]) if row else 0

    def states(self) -> dict[str, int]:
        with psycopg.connect(self.url, autocommit=True) as conn:
            return dict(self.engine.states(conn))

    def unfinished(self) -> int:
        with psycopg.connect(self.url, autocommit=True) as conn:
            return int(conn.execute(self.engine.FINISHED_SQL).fetchone()[0])

    def log(self, number: int) -> str:
        return (self.folder / f"worker{number}.log").read_text(errors="replace")


@contextmanager
def rig(name: str, server_url: str, folder: Path) -> Iterator[Rig]:
    """A rig with an empty database of its own; its workers are ended with it."""
    number = next(_numbers)
    place = folder / f"{name}{number}"
    place.mkdir(parents=True)
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE trial_{name}_{number}".encode())
    made = Rig(
        name, server_url.replace("/postgres?", f"/trial_{name}_{number}?"), place, Ledger(place / "ledger")
    )
    made.engine.install(made.url)
    try:
        yield made
    finally:
        for worker in made.workers:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
            worker.wait()


def wait_for(true: Callable[[], object], seconds: float) -> float | None:
    """Seconds until it was true; None when it never was."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if true():
            return time.monotonic() - began
        time.sleep(0.05)
    return None
