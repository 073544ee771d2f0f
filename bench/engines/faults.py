"""What each engine does when a worker is killed, frozen or stopped, and when the database goes away."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psycopg

from app.store.embedded import EmbeddedServer
from bench.engines.rig import Rig, rig, wait_for
from bench.engines.trials import Note, order

LONG_S = 18.0

FROZEN_S, FROZEN_JOB_S = 30.0, 26.0
"""Taken over after about 10 s, the job runs elsewhere from 10 to 36: the worker that wakes at 30 meets it."""


def takeover(name: str, server: str, folder: Path, how: str, patience: float) -> str:
    """Seconds from kill -9 of the worker that runs a job to its second start elsewhere."""
    with rig(name, server, folder) as made:
        first = _one_long_job(made, how, "nap")
        made.start(how)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        took = wait_for(lambda: len(made.ledger.read("start", "long")) > 1, patience)
        return f"{took:.1f}" if took else f"not within {patience:g}"


def serial_after_kill(name: str, server: str, folder: Path) -> str:
    """Three jobs under one lock, the first one's worker killed: were two ever at work at once?"""
    with rig(name, server, folder) as made:
        first = _one_long_job(made, "tuned", "serial")
        made.ask(order("serial", "b", 3), order("serial", "c", 3))
        made.start()
        made.start()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        killed_at = time.time()
        wait_for(lambda: len(made.ledger.read("end")) == 3, 70)
        doubled = _strokes_at_once([n for n in made.ledger.read() if n.pid != first.pid or n.at < killed_at])
        return f"{doubled} at once; {len(made.ledger.read('end'))} of 3 done, left {_left(made)}"


def frozen(name: str, server: str, folder: Path) -> str:
    """A worker is stopped for 30 s in the middle of a job under the lock, then goes on."""
    with rig(name, server, folder) as made:
        first = _one_job(made, "tuned", "serial", FROZEN_JOB_S)
        made.ask(order("serial", "b", 3))
        second = made.start()
        os.kill(first.pid, signal.SIGSTOP)
        took = wait_for(lambda: len(made.ledger.read("start", "long")) > 1, FROZEN_S)
        time.sleep(max(0.0, FROZEN_S - (took or FROZEN_S)))
        os.kill(first.pid, signal.SIGCONT)
        wait_for(lambda: len(made.ledger.read("end", "long")) == 2 and made.ledger.read("end", "b"), 40)
        time.sleep(4)
        doubled = _strokes_at_once(made.ledger.read())
        alive = [worker.poll() for worker in (first, second)]
        made.ask(order("nap", "after", 1))
        after = wait_for(lambda: made.ledger.read("end", "after"), 20)
        return (
            f"taken over after {_seconds(took)}; strokes at once {doubled}; "
            f"ended {len(made.ledger.read('end', 'long'))} times; exit codes {alive}; left {_left(made)}; "
            f"next job {'runs' if after else 'hangs'}; log: {_errors(made)}"
        )


def database_cut(name: str, folder: Path, how: str, seconds: float) -> str:
    """The server stops at once with a job under way and others waiting, and comes back. No supervisor."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    server = EmbeddedServer.start(folder / "pg")
    try:
        with rig(name, server.url, folder) as made:
            worker = _one_job(made, how, "nap", 8)
            made.ask(*(order("nap", f"w{number}", 1) for number in range(6)))
            time.sleep(0.6)
            server._home.run("pg_ctl", "stop", "-D", str(server._home.cluster), "-m", "immediate", "-w")
            cut_at = time.monotonic()
            exited = wait_for(lambda: worker.poll() is not None, seconds)
            time.sleep(max(0.0, seconds - (time.monotonic() - cut_at)))
            with EmbeddedServer.start(folder / "pg"):
                if exited is None:
                    back = time.monotonic()
                    wait_for(lambda: worker.poll() is not None or made.unfinished() == 0, 45)
                    exited = time.monotonic() - back + seconds if worker.poll() is not None else None
                return _after_the_cut(made, worker, exited, how)
    finally:
        server.stop()


def _after_the_cut(made: Rig, worker: subprocess.Popen[bytes], exited: float | None, how: str) -> str:
    alone = "lives" if exited is None else f"exits {worker.returncode} at {exited:.0f} s"
    left = _left(made)
    if exited is not None:
        made.start(how)
    wait_for(lambda: made.unfinished() == 0, 60)
    twice = len(made.ledger.read("start", "long")) - 1
    done = {note.tag for note in made.ledger.read("end")}
    return (
        f"{alone}; then left {left}; with a worker running 60 s more: {len(done)} of 7 done, "
        f"left {_left(made)}; long job run {twice} times more; log: {_errors(made)}"
    )


def sigterm(name: str, server: str, folder: Path, seconds: float) -> str:
    """SIGTERM half a second into a job, with another worker beside."""
    with rig(name, server, folder) as made:
        workers = {worker.pid: worker for worker in (made.start(), made.start())}
        made.ask(order("nap", "long", seconds))
        wait_for(lambda: made.ledger.read("start", "long"), 35)
        told = workers[made.ledger.read("start", "long")[0].pid]
        time.sleep(0.5)
        began = time.monotonic()
        told.terminate()
        wait_for(lambda: told.poll() is not None, 40)
        took = time.monotonic() - began
        again = len(made.ledger.read("start", "long")) - 1
        ended = "finished" if made.ledger.read("end", "long") else "lost"
        return (
            f"exit {told.returncode} after {took:.1f} s, job {ended}, begun again elsewhere {again} times, "
            f"left {_left(made, 30)}; log: {_errors(made)}"
        )


def always_raises(name: str, server: str, folder: Path) -> str:
    """A job whose every run raises, without a retry rule; then replayed through the engine's own call."""
    with rig(name, server, folder) as made:
        made.start()
        made.ask(order("fail", "bad"))
        wait_for(lambda: made.ledger.read("start", "bad"), 10)
        time.sleep(1.5)
        before = made.states()
        call = made.engine.replay_failed(made.url)
        again = wait_for(lambda: len(made.ledger.read("start", "bad")) > 1, 10)
        return f"kept as {before or 'nothing'}; {call} {'runs it again' if again else 'does nothing'}"


def asked_while_running(name: str, server: str, folder: Path) -> str:
    """Whether one more may wait under the key of a job that runs."""
    with rig(name, server, folder) as made:
        made.start()
        with psycopg.connect(made.url) as conn:
            made.engine.ask_twice_while_it_runs(conn, "first")
            wait_for(lambda: made.ledger.read("start", "first"), 10)
            second = made.engine.ask_twice_while_it_runs(conn, "second")
            return "one more may wait" if second else "refused until the running one ends"


def _one_long_job(made: Rig, how: str, kind: str) -> subprocess.Popen[bytes]:
    return _one_job(made, how, kind, LONG_S)


def _one_job(made: Rig, how: str, kind: str, seconds: float) -> subprocess.Popen[bytes]:
    worker = made.start(how)
    made.ask(order(kind, "long", seconds))
    wait_for(lambda: made.ledger.read("start", "long"), 35)
    return worker


def _left(made: Rig, patience: float = 3) -> str:
    """The rows that remain, by state; an acknowledgement under way is waited for."""
    wait_for(lambda: made.unfinished() == 0, patience)
    return str(made.states() or "none")


def _strokes_at_once(notes: list[Note]) -> int:
    """Strokes made while another process's serial job was between its own strokes."""
    strokes = sorted((note for note in notes if note.what == "stroke"), key=lambda note: note.at)
    return sum(
        before.pid != after.pid and after.at - before.at < 0.15
        for before, after in itertools.pairwise(strokes)
    )


def _errors(made: Rig) -> str:
    """The last line of each kind of error in the workers' logs."""
    lines = re.findall(
        r"^(?:\w+\.)+\w*(?:Error|Exception|Violation|Failure|Shutdown|Timeout)\b.*", _logs(made), re.M
    )
    return "; ".join(sorted({line[:110] for line in lines})) or "none"


def _logs(made: Rig) -> str:
    return "\n".join(made.log(number) for number in range(len(made.workers)))


def _seconds(took: float | None) -> str:
    return "never" if took is None else f"{took:.1f} s"
