"""A benchmark: a measurement at its full size, and at a quick one that only shows that it works."""

from collections.abc import Awaitable
from typing import Any, Protocol

from tests.bench.figures import Table


class MismatchError(Exception):
    """A contender's answers differ from ours."""


class Benchmark(Protocol):
    """A module of this package. `QUICK` has one round of few items; its figures mean nothing."""

    FULL: Any
    QUICK: Any

    def measure(self, size: Any) -> Awaitable[list[Table]]:
        """Measure at one of the sizes. Raises `MismatchError` where answers differ."""
        ...


def check_same(contender: str, answer: object, ours: object) -> None:
    """Raise `MismatchError` where a contender's answer differs from ours."""
    if answer != ours:
        raise MismatchError(f"{contender}: {_short(answer)} instead of {_short(ours)}")


def _short(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= 200 else f"{text[:197]}..."
