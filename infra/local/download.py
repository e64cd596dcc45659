"""A file of the web that is pinned by its checksum, and downloaded once into a folder."""

import fcntl
import hashlib
import http.client
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1_000_000

ATTEMPTS = 3

SILENCE_SECONDS = 30.0
"""Seconds without a byte after which an attempt has failed."""

ATTEMPT_SECONDS = 900.0
"""Most seconds of an attempt: 64 MB at 0.6 Mbit a second."""

LINE_SECONDS = 5.0
"""Seconds between two lines about a download."""


class DownloadError(Exception):
    """A file could not be downloaded, or is another than the pinned one."""


@dataclass(frozen=True)
class PinnedFile:
    """The address of a file, its bytes, and its SHA-256 in hexadecimal digits."""

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Return the last part of the address."""
        return self.url.rpartition("/")[2]


def pinned_file(pinned: PinnedFile, folder: Path, tell: Callable[[str], None]) -> Path:
    """Return a file from the folder, and download it before if it is not there as it should be.

    Of several processes one downloads it. `tell` gets lines for people. Raises `DownloadError`.
    """
    path = folder / pinned.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{pinned.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is(path, pinned):
                _download(pinned, path, tell)
    except OSError as error:
        raise DownloadError(str(error)) from error
    return path


def _is(path: Path, pinned: PinnedFile) -> bool:
    if not path.is_file() or path.stat().st_size != pinned.size:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == pinned.sha256


def _download(pinned: PinnedFile, path: Path, tell: Callable[[str], None]) -> None:
    part = path.with_name(f"{path.name}.part")
    tell(f"Downloading {pinned.url} ({pinned.size // MEGABYTE} MB, once) to {path.parent}")
    try:
        for attempt in range(ATTEMPTS):
            try:
                _receive(pinned, part, tell)
                break
            except (OSError, http.client.HTTPException) as error:
                if attempt + 1 == ATTEMPTS:
                    raise DownloadError(str(error) or type(error).__name__) from error
                tell(f"  again, because of: {error}")
        if not _is(part, pinned):
            raise DownloadError(f"the file has another size or SHA-256 than {pinned.sha256}")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _receive(pinned: PinnedFile, part: Path, tell: Callable[[str], None]) -> None:
    """Write what arrives into a file, up to a byte more than there should be."""
    started = shown = time.monotonic()
    request = urllib.request.Request(pinned.url)  # noqa: S310  # ours
    with urllib.request.urlopen(request, timeout=SILENCE_SECONDS) as answer, part.open("wb") as to:  # noqa: S310
        received = 0
        while received <= pinned.size:
            piece = answer.read1(min(1 << 20, pinned.size + 1 - received))
            if not piece and received < pinned.size:
                raise ConnectionError(f"it ended after {received:,} of {pinned.size:,} bytes")
            if not piece:
                return
            received += to.write(piece)
            now = time.monotonic()
            if now - started > ATTEMPT_SECONDS:
                raise TimeoutError(f"not complete after {ATTEMPT_SECONDS:.0f} s")
            if now - shown > LINE_SECONDS:
                shown = now
                tell(f"  {received // MEGABYTE} of {pinned.size // MEGABYTE} MB")
