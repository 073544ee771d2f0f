"""What every bench stands on: a PostgreSQL of its own with fsync, fresh databases, child processes."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from app.store import migrate
from app.store.database import make_engine, psycopg_url
from app.store.embedded import EmbeddedServer
from tests.sandbox import server as sandbox

ROOT = Path(__file__).resolve().parent.parent
MB = 1024 * 1024
PUBLIC_URL = "http://127.0.0.1:9"
ASKED_FIRST = "[write_back]\nunattended = false\n"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Ground:
    """A running server and a folder for logs and settings, for as long as one bench takes."""

    folder: Path
    server_url: str

    def fresh_database(self) -> str:
        """The address of an empty, migrated database."""
        name = f"bench_{next(_numbers)}"
        with psycopg.connect(psycopg_url(self.server_url), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name}".encode())
        url = self.server_url.replace("/postgres?", f"/{name}?")
        engine = make_engine(url)
        migrate.upgrade(engine)
        engine.dispose()
        return url

    def settings(self, hubspot_url: str = "", more: str = ASKED_FIRST) -> Path:
        """A settings file: HubSpot at this address; no plan is applied unasked, unless `more` has it so."""
        path = self.folder / f"settings{next(_numbers)}.toml"
        address = f'[hubspot]\nbase_url = "{hubspot_url}"\n' if hubspot_url else ""
        path.write_text(f"{address}{more}")
        return path

    def log(self, name: str) -> Path:
        return self.folder / f"{name}{next(_numbers)}.log"

    @contextmanager
    def process(
        self, module: str, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """`python -m module` for as long as the block lasts; its output goes to a log of its own."""
        with self.log(module).open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env=dict(environ or os.environ),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield child
        finally:
            stop([child])

    def worker(self, environ: Mapping[str, str]) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """A worker, as the Procfile starts it."""
        return self.process("jobs", "worker", environ={**environ, **_of_the_worker()})


@contextmanager
def ground() -> Iterator[Ground]:
    """A server in a folder that is gone afterwards, with everything that was measured in it."""
    with tempfile.TemporaryDirectory(prefix="savia-bench-") as place:
        folder = Path(place)
        folder.chmod(0o755)  # the embedded server of root runs as another user
        with EmbeddedServer.start(folder / "pg") as server:
            yield Ground(folder, server.url)


def stop(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """End these processes, gently at first."""
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def environment(database_url: str, settings: Path, *, with_hubspot: bool = True) -> dict[str, str]:
    """The environment of a Savia process: Zoom's and HubSpot's webhooks are on; its HubSpot if asked for."""
    secrets = {
        "DATABASE_URL": database_url,
        "SAVIA_CONFIG": str(settings),
        "SAVIA_PUBLIC_URL": PUBLIC_URL,
        "HUBSPOT_CLIENT_SECRET": sandbox.HUBSPOT_CLIENT_SECRET,
        "ZOOM_WEBHOOK_SECRET": sandbox.ZOOM_WEBHOOK_SECRET,
        "WEB_CONCURRENCY": "1",
    }
    token = {"HUBSPOT_ACCESS_TOKEN": sandbox.HUBSPOT_TOKEN} if with_hubspot else {}
    return {**os.environ, **secrets, **token}


def _of_the_worker() -> dict[str, str]:
    """What the Procfile's line of the worker sets before its command."""
    line = next(line for line in _lines(ROOT / "Procfile") if line.startswith("worker: "))
    words = itertools.takewhile(lambda word: "=" in word, line.split()[1:])
    return dict(word.split("=", 1) for word in words)


def wait_for(what: str, ready: Callable[[], object], seconds: float = 60) -> float:
    """Seconds until it was so. Raises TimeoutError."""
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)
    return time.monotonic() - began


def resident(pid: int) -> float:
    """Megabytes of memory of a process and its children, shared pages counted once, as a dyno counts them."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(member.memory_full_info().pss for member in family) / MB


def highest(pid: int) -> float:
    """Megabytes of memory of one process at its highest so far, where the system tells; else now. What
    `getrusage` tells of a child counts the memory of its parent in.
    """
    status = Path(f"/proc/{pid}/status")
    told = [line.split()[1] for line in _lines(status) if line.startswith("VmHWM:")]
    if told:
        return int(told[0]) * 1024 / MB
    try:
        return float(psutil.Process(pid).memory_info().rss) / MB
    except psutil.Error:
        return 0.0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # the process has ended, or this is no Linux
        return []


def processor_seconds(pid: int) -> float:
    """Processor time that a process and its children have used: what others do does not move it much."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    times = [member.cpu_times() for member in family]
    return sum(each.user + each.system for each in times)


def noise() -> str:
    """How busy the machine is with other things, to be read beside every figure."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
