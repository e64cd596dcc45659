"""The settings that scans of a base share, whatever their kind."""

from datetime import tzinfo
from typing import Protocol

from pydantic import Field

from landfall.scans.scan import Limits


class RecordLimits(Limits):
    """Where a run that reads a base stops."""

    max_records: int = Field(
        500_000, ge=1, le=5_000_000, description="A base with more records ends the run in error."
    )


class BaseScan(Protocol):
    """A scan that reads an Airtable base, whatever its kind."""

    @property
    def id(self) -> str:
        """Names the scan."""
        ...

    @property
    def base(self) -> str:
        """The base's id."""
        ...

    @property
    def tables(self) -> dict[str, list[str]]:
        """The fields of each table that are read."""
        ...

    @property
    def limits(self) -> RecordLimits:
        """Where a run stops."""
        ...

    @property
    def zone(self) -> tzinfo:
        """Where the days of dates begin."""
        ...
