"""Files of definitions."""

from pathlib import Path

from landfall.kinds.definition import DefinitionError, load
from landfall.scans.json_text import TextError, decode
from landfall.scans.scan import Scan


def load_file(path: Path) -> Scan:
    """Read a scan from its file. Raises `DefinitionError`."""
    try:
        return load(decode(path.read_bytes()), str(path))
    except OSError as error:
        raise DefinitionError(f"{path} cannot be read: {error.strerror}") from error
    except TextError as error:
        raise DefinitionError(f"{path}: {error}") from error
