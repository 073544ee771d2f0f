"""What each process of Savia needs in memory, as it says itself once in a while."""

from __future__ import annotations

import os
import resource
import socket
import sys
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

SILENT = timedelta(minutes=10)
"""A process that said nothing for this long is gone."""

SAY = sa.text("""
    INSERT INTO process (kind, name, rss_mb, seen_at) VALUES (:kind, :name, :rss_mb, :at)
    ON CONFLICT (kind, name) DO UPDATE SET rss_mb = excluded.rss_mb, seen_at = excluded.seen_at
""")
FORGET = sa.text("DELETE FROM process WHERE seen_at < :before")
LARGEST = sa.text(
    "SELECT kind, count(*), max(rss_mb) FROM process WHERE seen_at >= :since GROUP BY kind ORDER BY kind"
)


def say(conn: sa.Connection, kind: str, at: datetime) -> None:
    """This process, of this kind (web, worker, clock), lives and needs so much."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    conn.execute(SAY, {"kind": kind, "name": name, "rss_mb": resident_mb(), "at": at})
    conn.execute(FORGET, {"before": at - SILENT})


def memory(conn: sa.Connection, now: datetime) -> dict[str, str]:
    """The largest process of each kind, with how many there are."""
    rows = conn.execute(LARGEST, {"since": now - SILENT})
    return {kind: f"{largest:.0f} MB ({count} running)" for kind, count, largest in rows}


def resident_mb() -> float:
    """The memory this process holds now, in MB; where that cannot be told, the most it ever held."""
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 1024)
