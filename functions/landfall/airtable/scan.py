"""The settings of scans that read a base, whatever their kind."""

from datetime import tzinfo
from typing import Protocol

from pydantic import Field

from landfall.scans.scan import Limits
from landfall.scans.settings import Whole


class RecordLimits(Limits):
    """The limits of a run that reads a base."""

    max_records: Whole = Field(
        500_000, ge=1, le=5_000_000, description="A base with more records ends the run in error."
    )


class BaseScan(Protocol):
    """A scan that reads an Airtable base, whatever its kind."""

    @property
    def id(self) -> str:
        """Return the id of the scan."""
        ...

    @property
    def base(self) -> str:
        """Return the id of the base."""
        ...

    @property
    def tables(self) -> dict[str, list[str]]:
        """Return the fields of each table that are read."""
        ...

    @property
    def record_names(self) -> bool:
        """Return whether the primary field of each table is read, for the names of records."""
        ...

    @property
    def limits(self) -> RecordLimits:
        """Return the limits of a run."""
        ...

    @property
    def zone(self) -> tzinfo:
        """Return the time zone in which the days of dates begin."""
        ...
