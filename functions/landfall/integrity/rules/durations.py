"""A duration in a definition, such as `30d`."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from landfall.airtable.dates import DURATION_PATTERN, parse_duration
from landfall.scans.settings import got, shape


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        parse_duration(value)
        return value
    raise ValueError(f"must be a number of m, h, d or w, such as `30d` {got(value)}")


def _positive_duration(value: Any) -> Any:
    if parse_duration(_duration(value)).total_seconds() > 0:
        return value
    raise ValueError(f"must be longer than zero, such as `7d` {got(value)}")


Duration = Annotated[
    str,
    BeforeValidator(_positive_duration),
    shape(
        "string",
        pattern=DURATION_PATTERN,
        says="a number of m, h, d or w, such as `30d`",
    ),
]
"""Minutes, hours, days or weeks, longer than zero."""
