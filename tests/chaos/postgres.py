"""The embedded PostgreSQL as something that can be killed, cut off and started again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from app.store.embedded import EmbeddedServer
from app.store.embedded_home import prepare_home


class Postgres:
    """One server under `folder`, owned by the harness: after a kill the owner must start it again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handles = [EmbeddedServer.start(folder)]
        self.url = self._handles[0].url

    def kill(self) -> int:
        """kill -9 the postmaster; its children notice and end. Returns its pid, 0 when it is down already."""
        try:
            pid = int((prepare_home(self._folder).cluster / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return pid

    def cut(self) -> None:
        """Every connection is dropped at once and no new one is taken until `restore`."""
        home = prepare_home(self._folder)
        home.run("pg_ctl", "stop", "-D", str(home.cluster), "-m", "immediate", "-w")

    def restore(self) -> None:
        """Start it again, as its owner would."""
        self._handles.append(EmbeddedServer.start(self._folder))

    def stop(self) -> None:
        """Let go of it: it ends."""
        for handle in reversed(self._handles):
            handle.stop()
        self._handles.clear()
