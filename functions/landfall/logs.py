"""Log lines as JSON on standard output, in the form that Cloud Logging reads.

A line is a fixed message and fields. Fields carry ids, statuses, seconds and counts; never
prompts, records, page bodies or keys.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_context: ContextVar[dict[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 never mutated

_silent: ContextVar[bool] = ContextVar("log_silent", default=False)


@contextmanager
def fields(**more: Any) -> Iterator[None]:
    """Fields that every line in this context carries."""
    token = _context.set(_context.get() | more)
    try:
        yield
    finally:
        _context.reset(token)


def info(message: str, **more: Any) -> None:
    """Something happened as it should."""
    _write("INFO", message, more)


def warning(message: str, **more: Any) -> None:
    """Something failed and is dealt with."""
    _write("WARNING", message, more)


def error(message: str, **more: Any) -> None:
    """Something failed that somebody must look at."""
    _write("ERROR", message, more)


@contextmanager
def silenced() -> Iterator[None]:
    """Nothing is written in this context: for simulations, and where a person reads the output."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def _write(severity: str, message: str, more: dict[str, Any]) -> None:
    if _silent.get():
        return
    line = {"severity": severity, "message": message} | _context.get() | more
    print(json.dumps(line, default=str), file=sys.stdout, flush=True)  # noqa: T201 the log itself
