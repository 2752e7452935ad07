"""A PostgreSQL server of our own: a new cluster in a directory, a unix socket, and nothing else.

PostgreSQL's defaults are kept as initdb writes them: what is compared is what one gets.
"""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"  # the server refuses to run as root; its package makes this user


def programs() -> Path:
    """The folder with the server's programs. Raises ImportError when there is none."""
    places = [*glob.glob("/usr/lib/postgresql/*/bin")]
    if found := shutil.which("initdb"):
        places.append(os.path.dirname(os.path.realpath(found)))
    if not places:
        raise ImportError("PostgreSQL's server is not installed")
    # The highest version: its number is the last but one part of the path.
    return Path(max(places, key=lambda place: int(Path(place).parts[-2]) if "postgresql/" in place else 0))  # fmt: skip # noqa: E501


def version() -> str:
    """As the server says it."""
    command = [str(programs() / "postgres"), "--version"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[2]


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """A server whose files are in *directory*, which it makes; yields how to connect."""
    bin = programs()
    directory.mkdir()
    # Of its own: a socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory() as sockets:
        user = _owner(directory, sockets)
        settings = {"stdout": subprocess.DEVNULL, "check": True, **user}
        data = directory / "data"
        subprocess.run(
            [bin / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale", "C"],
            **settings,
        )
        options = f"-c listen_addresses='' -c unix_socket_directories='{sockets}'"
        log = directory / "log"
        subprocess.run(
            [bin / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"], **settings
        )
        try:
            yield f"host={sockets} user={USER} dbname=postgres"
        finally:
            subprocess.run([bin / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop"], **settings)


def _owner(*directories: str | Path) -> dict[str, object]:
    """For subprocess.run: another user when this one is root, who then owns the directories."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(USER)
    for directory in directories:
        os.chown(directory, account.pw_uid, account.pw_gid)
        parent = Path(directory).parent
        while parent != parent.parent:  # it has to get there
            parent.chmod(parent.stat().st_mode | 0o011)
            parent = parent.parent
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}
