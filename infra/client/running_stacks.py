"""Files by which a running local stack is found: its addresses and a token, for this user alone.

A stack holds a lock on its file for as long as it runs, so the file of one that was killed is
known, and removed by who finds it.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 100_000
"""Bytes of a file that are read; one has 3 kB."""


@dataclass(frozen=True)
class RunningStack:
    """A stack that runs on this machine. Its `name` is the number of its process."""

    name: str
    api: str
    token: str


def stacks_folder() -> Path:
    """Return the folder of the files, in this user's folder of states (XDG)."""
    named = os.environ.get("XDG_STATE_HOME", "")
    state = Path(named) if named.startswith("/") else Path.home() / ".local/state"
    return state / "landfall/stacks"


@contextmanager
def announced(addresses: Mapping[str, str]) -> Iterator[Path]:
    """Have a file with these addresses while the context lasts. Raises `OSError`.

    Nobody else may read it, at no moment.
    """
    folder = stacks_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}.json"
    path.unlink(missing_ok=True)  # of an earlier process with this number
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(file, json.dumps(dict(addresses)).encode())
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def running_stacks() -> list[RunningStack]:
    """List the stacks that run, the newest first; remove the files of those that have ended."""
    found = []
    for path in stacks_folder().glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found.append((path.stat().st_mtime_ns, _read(path)))
    return [stack for _, stack in sorted(found, key=lambda it: it[0], reverse=True)]


def _read(path: Path) -> RunningStack:
    """Read a file. Raises `OSError`, `ValueError`, `KeyError` if there is no stack of ours."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if os.fstat(file).st_uid != os.getuid():
            raise ValueError("the file of somebody else")
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            addresses = json.loads(os.read(file, MAX_BYTES))
            return RunningStack(path.stem, str(addresses["api"]), str(addresses["token"]))
        path.unlink(missing_ok=True)
        raise ValueError("its stack has ended")
    finally:
        os.close(file)
