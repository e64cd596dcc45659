"""The schedule of a scan, as a person writes it."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from landfall.scans.cadence import Cadence, time_zone
from landfall.scans.settings import Settings, Whole, got

CatchUp = Literal["one", "none", "all"]


def _known_zone(name: str) -> str:
    time_zone(name)
    return name


DEFAULT_ZONE = "UTC"


def _text(value: Any) -> Any:
    # pydantic would take a number, also as text, for the seconds since 1970
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(r"\d{4}-", value)):
        return value
    raise ValueError(f"write a date, a time and a zone: 2026-12-01T06:00:00+01:00 {got(value)}")


ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""An IANA name such as Europe/Berlin."""


class Schedule(Settings):
    """The times at which a scan runs by itself, and the policies for slots that cannot start."""

    cadence: Cadence
    time_zone: ZoneName = Field(
        DEFAULT_ZONE,
        description="An IANA name such as Europe/Berlin; local times are of this zone.",
    )
    overlap: Literal["skip", "allow", "cancel_running"] = Field(
        "skip", description="What a slot does while a run of this schedule is in progress."
    )
    catch_up: CatchUp = Field(
        "one",
        description="How many runs are started for slots that were missed; `all` needs "
        "`overlap: allow`.",
    )
    max_runs: Whole | None = Field(
        None, ge=1, description="The schedule ends after this many runs."
    )
    stop_at: Annotated[AwareDatetime, BeforeValidator(_text)] | None = Field(
        None, description="There is no slot after this moment."
    )
    paused: bool = Field(
        False,
        description="Keep the schedule, but start nothing. Slots that pass meanwhile are not "
        "made up for.",
    )
