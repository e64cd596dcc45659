"""The result of checking a scan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console


@dataclass(frozen=True)
class CheckResult:
    """The verdict of a check and its details.

    `good`: the scan can do what it says. `requests`: the number of requests sent. `document` is
    for scripts; `show` prints the same for a person.
    """

    good: bool
    requests: int
    document: Mapping[str, Any]
    show: Callable[[Console], None]
