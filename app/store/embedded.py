"""The embedded PostgreSQL of demo, tests and a laptop: the wheel's binaries and a small starter of ours.

It listens on a Unix socket only. Several processes may start it at once: they share one server, and the last
to stop it ends it. A server left by a killed process is found and used again, a broken one is replaced.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg

from app.store.embedded_home import SOCKET_NAME, Home, prepare_home, unusable

PATIENCE_S = 10.0
"""How long a server that runs but does not answer (starting, stopping, recovering) is waited for."""


class EmbeddedServer:
    """One running server under `folder`. Made by `start`; also a context manager."""

    def __init__(self, home: Home, gate: int, share: int) -> None:
        self._home = home
        self._gate = gate
        self._share: int | None = share

    @classmethod
    def start(cls, folder: Path) -> EmbeddedServer:
        """A server that answers, started when none does. About a second for a new folder.

        Raises BadConfig when the wheel is missing or the server cannot run here.
        """
        folder = folder.resolve()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            gate, share = _open(folder / "start.lock"), _open(folder / "owners.lock")
        except PermissionError:
            raise unusable(folder, "cannot be written: choose another folder or set DATABASE_URL") from None
        try:
            with _alone(gate):
                home = prepare_home(folder)
                _ensure_running(home)
                fcntl.flock(share, fcntl.LOCK_SH)
        except BaseException:
            os.close(gate)
            os.close(share)
            raise
        return cls(home, gate, share)

    @property
    def url(self) -> str:
        """The address of the database `postgres`, for `DATABASE_URL`. Children may use it until `stop`."""
        return _url(self._home)

    def keep_up(self) -> None:
        """Start it again if it was killed. Raises BadConfig when it does not start."""
        with _alone(self._gate):
            _ensure_running(self._home)

    def stop(self) -> None:
        """Let go of the server; it ends when nobody else holds it. May be called again."""
        if self._share is None:
            return
        share, self._share = self._share, None
        try:
            with _alone(self._gate):
                if _nobody_else_holds(share):
                    _stop(self._home)
        finally:
            os.close(share)
            os.close(self._gate)

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


# --- locks: the kernel drops them when their process dies, however it dies --------------------------------


def _open(path: Path) -> int:
    # Read-only is enough for a lock and works for a file that another user made.
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)


@contextmanager
def _alone(gate: int) -> Iterator[None]:
    fcntl.flock(gate, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(gate, fcntl.LOCK_UN)


def _nobody_else_holds(share: int) -> bool:
    try:
        fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# --- the server -------------------------------------------------------------------------------------------


def _url(home: Home) -> str:
    return f"postgresql://postgres@/postgres?host={quote(str(home.sockets), safe='')}"


def _answers(home: Home) -> bool:
    try:
        psycopg.connect(_url(home), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _ensure_running(home: Home) -> None:
    if _answers(home):
        return
    if not home.cluster.exists():
        _make_cluster(home)
    if not _wait_for_the_running_one(home):
        _start(home)


def _make_cluster(home: Home) -> None:
    """Made beside its place and moved there when whole, so a killed starter leaves no half a cluster."""
    fresh = home.cluster.with_name("cluster.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if home.user is not None:
        os.chown(fresh, home.user.uid, home.user.gid)
    done = home.run(
        "initdb", f"--pgdata={fresh}", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync",
    )  # fmt: skip
    if done.returncode != 0:
        raise unusable(home.cluster, "initdb failed here: check free space, or set DATABASE_URL")
    fresh.rename(home.cluster)


def _wait_for_the_running_one(home: Home) -> bool:
    """Whether the postmaster named in postmaster.pid comes to answer. A stale file is removed, a postmaster
    that hangs is ended.
    """
    pid_file = home.cluster / "postmaster.pid"
    give_up = time.monotonic() + PATIENCE_S
    while pid_file.exists():
        if not _is_postmaster_of(home, _first_number(pid_file)):
            pid_file.unlink(missing_ok=True)
            return False
        if _answers(home):
            return True
        if time.monotonic() > give_up:
            home.run("pg_ctl", "stop", "-D", str(home.cluster), "-m", "immediate", "-w", "-t", "20")
        time.sleep(0.05)
    return False


def _first_number(pid_file: Path) -> int:
    try:
        return int(pid_file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):  # gone just now, or written by halves
        return 0


def _is_postmaster_of(home: Home, pid: int) -> bool:
    """Whether that process lives and is PostgreSQL on this cluster, not a stranger with a recycled number."""
    if pid <= 0:
        return False
    if Path("/proc/self/cmdline").exists():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        command = subprocess.run(  # noqa: S603  macOS has no /proc
            ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
        ).stdout
    return b"postgres" in command and os.fsencode(home.cluster) in command


def _start(home: Home) -> None:
    """Tried for a while: after a kill the children of the old postmaster need a moment to leave."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(home.sockets),
        "unix_socket_permissions": "0700",
        "fsync": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in settings.items())
    log = home.cluster / "server.log"
    # The folder is this server's alone and no server runs: a killed one's lock would only be in the way.
    (home.sockets / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
    give_up = time.monotonic() + PATIENCE_S
    while home.run(
        "pg_ctl", "start", "-w", "-t", "60", "-D", str(home.cluster), "-l", str(log), "-o", options
    ).returncode:  # fmt: skip
        if time.monotonic() > give_up:
            raise unusable(log, "the embedded PostgreSQL did not start: read this log, or set DATABASE_URL")
        time.sleep(0.2)


def _stop(home: Home) -> None:
    for how in ("fast", "immediate"):
        done = home.run("pg_ctl", "stop", "-w", "-t", "30", "-D", str(home.cluster), "-m", how)
        if done.returncode == 0 or not (home.cluster / "postmaster.pid").exists():
            return
