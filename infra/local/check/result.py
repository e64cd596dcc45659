"""What the check of a scan came to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console


@dataclass(frozen=True)
class Checked:
    """Whether the scan can do what it says, and all that was found out about that.

    `requests` were sent; `document` is for scripts, `show` prints it for a person.
    """

    good: bool
    requests: int
    document: Mapping[str, Any]
    show: Callable[[Console], None]
