"""The processes of Savia under the harness's own supervision: whoever ends is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RESTART_AFTER = 0.3
LOOK = 0.1
GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL when a dyno is restarted; Heroku gives thirty."""


@dataclass(slots=True)
class Member:
    """One process of the crew and how to start it."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    ended_at: float = 0.0
    starts: int = 0
    codes: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes: `rss` counts pages shared with other processes in full, as a dyno's limit does; `pss` counts
    their share.
    """

    rss: float
    pss: float


class Crew:
    """Starts its members on `start`, and again whenever one ends, until `stop`."""

    def __init__(self, commands: Mapping[str, Sequence[str]], environ: Mapping[str, str], logs: Path) -> None:
        self.members = {name: Member(name, command) for name, command in commands.items()}
        self._environ, self._logs = dict(environ), logs
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Start everybody."""
        for member in self.members.values():
            self._start(member)
        self._watching.start()

    def strike(self, name: str, sign: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to one member; its pid, 0 when it is down already."""
        with self._lock:
            process = self.members[name].process
            if process is None or process.poll() is not None:
                return 0
            process.send_signal(sign)
            return process.pid

    def strike_child_of(self, name: str) -> int:
        """kill -9 a child of one member, such as gunicorn's worker under its master; its pid or 0."""
        with self._lock:
            process = self.members[name].process
            children = children_of(process.pid) if process is not None else []
            for pid in children[:1]:
                kill(pid)
            return children[0] if children else 0

    def pid(self, name: str) -> int:
        """The process id of one member now, 0 while it is down."""
        process = self.members[name].process
        return process.pid if process is not None and process.poll() is None else 0

    def memory(self) -> dict[str, Memory]:
        """What each member needs now, with its children."""
        pids = {name: self.pid(name) for name in self.members}
        return {name: memory_of([pid, *children_of(pid)]) for name, pid in pids.items() if pid}

    def all_up(self) -> bool:
        """Is everybody running?"""
        return all(self.pid(name) for name in self.members)

    def restart_everybody(self) -> float:
        """What a deploy or the daily cycling does: SIGTERM to all, SIGKILL after GRACE, and started again.

        Returns the longest time a member took to end.
        """
        with self._lock:
            return self._end_all()

    def stop(self) -> None:
        """End everybody for good."""
        self._stopping.set()
        if self._watching.is_alive():
            self._watching.join()
        self._end_all()

    def _end_all(self) -> float:
        began, longest = time.monotonic(), 0.0
        running = [one.process for one in self.members.values() if one.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(max(0.1, began + GRACE - time.monotonic()))
            except subprocess.TimeoutExpired:
                for child in children_of(process.pid):
                    kill(child)
                process.kill()
                process.wait()
            longest = max(longest, time.monotonic() - began)
        return longest

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK):
            with self._lock:
                for member in self.members.values():
                    self._look_after(member)

    def _look_after(self, member: Member) -> None:
        if member.process is not None:
            code = member.process.poll()
            if code is None:
                return
            member.codes.append(code)
            member.process, member.ended_at = None, time.monotonic()
        if time.monotonic() - member.ended_at >= RESTART_AFTER:
            self._start(member)

    def _start(self, member: Member) -> None:
        with (self._logs / f"{member.name}.log").open("ab") as log:
            member.process = subprocess.Popen(
                member.command, cwd=ROOT, env=self._environ, stdout=log, stderr=subprocess.STDOUT
            )
        member.starts += 1


def children_of(pid: int) -> list[int]:
    """The process ids of the children of `pid`."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def memory_of(pids: Sequence[int]) -> Memory:
    """What these processes need together; zero where the system does not say."""
    rss = pss = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        told = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value}
        rss, pss = rss + int(told["Rss"]), pss + int(told["Pss"])
    return Memory(rss / 1024, pss / 1024)


def most_memory_of(pid: int) -> float:
    """The most megabytes this process ever held; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return max((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), default=0.0)


def kill(pid: int) -> None:
    """kill -9, of whom may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
