"""Which Airtable a scan is asked of: the one that the environment names, or our stand-in."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from infra.local.base_model import Base
from infra.local.emulator import MissingError
from infra.local.flights import flights
from infra.local.school import school
from landfall.scans import Scan

REAL_AIRTABLE = "https://api.airtable.com"

SAMPLE_BASES: dict[str, Callable[[], Base]] = {
    "appSchool00000001": lambda: school()[0],
    "appFlights0000001": flights,
}

NO_KEY = (
    "AIRTABLE_API_KEY is not set, and the stand-in serves only the sample bases: make a personal "
    "access token with data.records:read and schema.bases:read, and "
    "`export AIRTABLE_API_KEY=pat...`."
)


@dataclass(frozen=True)
class Airtable:
    """Where Airtable is found."""

    endpoint: str
    api_key: str = field(repr=False)


def real_airtable(scans: Iterable[Scan]) -> Airtable | None:
    """None where our stand-in serves all of their bases. Raises `MissingError`."""
    endpoint = os.environ.get("AIRTABLE_ENDPOINT_URL")
    api_key = os.environ.get("AIRTABLE_API_KEY", "")
    bases = {scan.heading()["base"] for scan in scans if "base" in scan.headings}
    if not endpoint and bases <= set(SAMPLE_BASES):
        return None
    if not api_key:
        raise MissingError(NO_KEY)
    return Airtable(endpoint or REAL_AIRTABLE, api_key)
