"""Log lines as JSON on standard output, in the form that Cloud Logging reads.

A line has a fixed message and fields. Fields are ids, statuses, seconds and counts; never prompts,
records, page bodies or keys.
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
    """Add fields to every line in this context."""
    token = _context.set(_context.get() | more)
    try:
        yield
    finally:
        _context.reset(token)


def info(message: str, **more: Any) -> None:
    """Log a normal event."""
    _write("INFO", message, more)


def warning(message: str, **more: Any) -> None:
    """Log a failure that was handled."""
    _write("WARNING", message, more)


def error(message: str, **more: Any) -> None:
    """Log a failure that a person must look at."""
    _write("ERROR", message, more)


@contextmanager
def silenced() -> Iterator[None]:
    """Log nothing in this context: for simulations, and where a person reads the output."""
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
