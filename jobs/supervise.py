"""Everything on one machine: database, web, worker and clock, restarted when any of them ends."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app import log
from app.domain.errors import SaviaError
from app.wiring import open_database
from jobs.console import Console

NAME = "all"
HELP = "Run database (unless DATABASE_URL is set), web, worker and clock together, until SIGTERM."

SHORTEST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before a child that ended is started again: doubled each time, reset after a minute of health."""

HEALTHY_AFTER = 60.0
STOP_WITHIN = 15.0
KEEP_UP_EVERY = 3.0


@dataclass(slots=True)
class Child:
    """One process under supervision."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    wait: float = SHORTEST_WAIT
    due_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps children running. Every exit is a failure, whatever its code: none of them should ever end.

    `keep_up` does the same for the database, which is no child.
    """

    children: Sequence[Child]
    environ: Mapping[str, str]
    say: Callable[[str], None]
    keep_up: Callable[[], None] = lambda: None
    stopping: threading.Event = field(default_factory=threading.Event)
    kept_up_at: float = 0.0

    def run(self) -> None:
        """Blocks until `stopping` is set, then stops the children."""
        try:
            while not self.stopping.is_set():
                for child in self.children:
                    self._look_after(child, time.monotonic())
                self._keep_up(time.monotonic())
                self.stopping.wait(0.2)
        finally:
            self._stop()

    def _keep_up(self, now: float) -> None:
        if now - self.kept_up_at < KEEP_UP_EVERY:
            return
        try:
            self.keep_up()
        except SaviaError as reason:
            self.say(f"the database does not start: {reason}")
        self.kept_up_at = time.monotonic()

    def _look_after(self, child: Child, now: float) -> None:
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            if now - child.started_at > HEALTHY_AFTER:
                child.wait = SHORTEST_WAIT
            self.say(f"{child.name} ended with {code}: starting it again in {child.wait:g} s")
            child.process, child.due_at = None, now + child.wait
            child.wait = min(child.wait * 2, LONGEST_WAIT)
        if now >= child.due_at:
            self._start(child, now)

    def _start(self, child: Child, now: float) -> None:
        try:
            child.process = subprocess.Popen(child.command, env=dict(self.environ))  # noqa: S603 - our own commands
        except OSError as reason:  # no memory or no process left just now: the others go on
            self.say(f"{child.name} cannot be started ({reason.strerror}): trying again in {child.wait:g} s")
            child.due_at = now + child.wait
            child.wait = min(child.wait * 2, LONGEST_WAIT)
        child.started_at = now

    def _stop(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_WITHIN
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the web process listens."""
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    parser.add_argument("--bind", default="127.0.0.1")
    parser.set_defaults(json=False)


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns when a signal stopped everything."""
    log.set_up()
    with open_database(os.environ) as database:
        environ = {**os.environ, "DATABASE_URL": database.url}
        children = children_of(args.bind, args.port)
        supervisor = Supervisor(children, environ, console.line, database.keep_up)
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: supervisor.stopping.set())
        console.line(f"Savia runs on http://{args.bind}:{args.port}/setup - Ctrl-C stops it")
        supervisor.run()
    return 0


def children_of(bind: str, port: int) -> list[Child]:
    """Web, worker and clock by the Procfile's commands; what it sets to spare a dyno's memory is left out."""
    python = sys.executable
    gunicorn = [python, "-m", "gunicorn", "app.wiring:web", "--config", "gunicorn.conf.py"]
    return [
        Child("web", [*gunicorn, "--bind", f"{bind}:{port}"]),
        Child("worker", [python, "-m", "jobs", "worker"]),
        Child("clock", [python, "-m", "jobs", "clock"]),
    ]
