"""A length of time in a definition, such as `30d`."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from landfall.airtable.dates import distance
from landfall.scans.settings import it_is


def _distance(value: Any) -> Any:
    if isinstance(value, str):
        distance(value)
        return value
    raise ValueError(f"must be a number of m, h, d or w, such as `30d` {it_is(value)}")


def _some_time(value: Any) -> Any:
    if distance(_distance(value)).total_seconds() > 0:
        return value
    raise ValueError(f"must be longer than zero, such as `7d` {it_is(value)}")


Distance = Annotated[str, BeforeValidator(_distance)]
"""Minutes, hours, days or weeks; back in time where it begins with `-`."""

Duration = Annotated[str, BeforeValidator(_some_time)]
"""Minutes, hours, days or weeks, longer than nothing."""
