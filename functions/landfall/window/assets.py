"""The files that every page uses: style, script and icon, under names that their contents decide.

A browser asks for a file once: its address changes with its contents, so it is never out of date.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("assets")

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """A file of the window, and the name under which it is served."""

    name: str
    media_type: str
    content: bytes


@cache
def assets() -> dict[str, Asset]:
    """Return the files by the name that they have in the folder."""
    return {path.name: _asset(path) for path in sorted(FOLDER.iterdir())}


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"{path.stem}.{digest}{path.suffix}", MEDIA_TYPES[path.suffix], content)


def address_of(name: str) -> str:
    """Return the address of a file of the folder."""
    return f"/assets/{assets()[name].name}"


def asset_of(name: str) -> Asset | None:
    """Return the file that is served under a name; None where there is no such file now."""
    return next((asset for asset in assets().values() if asset.name == name), None)
