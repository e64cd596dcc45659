"""Files of definitions, and the address of their schema for editors.

An editor finds the schema by a comment in the file: an address from the file's own folder, or an
absolute one. So a copy elsewhere needs another address than its sample.
"""

import os
import re
from pathlib import Path

from landfall.kinds.definition import DefinitionError, load
from landfall.scans.json_text import TextError, decode
from landfall.scans.scan import Scan

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "infra/scan.schema.json"

_ADDRESS = re.compile(r"(#\s*yaml-language-server:\s*\$schema=)(\S+)")


def load_file(path: Path) -> Scan:
    """Read a scan from its file. Raises `DefinitionError`."""
    return load(_read(path), str(path))


def schema_note(path: Path) -> str:
    """Return the line to correct where the file's schema is not at its address; else nothing."""
    found = _ADDRESS.search(_read(path))
    if not found or "://" in found[2] or (path.parent / found[2]).exists():
        return ""
    return (
        f"{path}: an editor finds no schema at {found[2]} from here; write "
        f"`{found[1]}{schema_address(path)}`"
    )


def copy_file(sample: Path, to: Path) -> None:
    """Copy a scan, with the address of its schema from there. Raises `DefinitionError`."""
    text = _ADDRESS.sub(lambda found: f"{found[1]}{schema_address(to)}", _read(sample), count=1)
    try:
        with to.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise DefinitionError(f"{to} cannot be written: {error.strerror}") from error


def _read(path: Path) -> str:
    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise DefinitionError(f"{path} cannot be read: {error.strerror}") from error
    except TextError as error:
        raise DefinitionError(f"{path}: {error}") from error


def schema_address(path: Path) -> str:
    """Return the schema's address for a file: relative in this checkout, which may move."""
    folder = path.resolve().parent
    if folder.is_relative_to(ROOT):
        return os.path.relpath(SCHEMA, folder)
    return SCHEMA.as_uri() if re.search(r"\s", str(SCHEMA)) else str(SCHEMA)
