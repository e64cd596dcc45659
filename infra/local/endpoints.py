"""Which Airtable and which language model a scan is asked of: those that the environment names, or
our stand-ins."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from infra.local.airtable.bases import Base
from infra.local.emulator import MissingError
from infra.local.samples.catalogue import catalogue
from infra.local.samples.flights import flights
from infra.local.samples.school.base import school
from landfall.scans.scan import Scan

REAL_AIRTABLE = "https://api.airtable.com"
REAL_OPENAI = "https://api.openai.com/v1"

SAMPLE_BASES: dict[str, Callable[[], Base]] = {
    "appSchool00000001": lambda: school()[0],
    "appFlights0000001": flights,
    "appCatalogue00001": catalogue,
}

NO_KEY = (
    "AIRTABLE_API_KEY is not set, and the stand-in serves only the sample bases: create a personal "
    "access token with the scopes data.records:read and schema.bases:read, then "
    "`export AIRTABLE_API_KEY=pat...`."
)


@dataclass(frozen=True)
class Airtable:
    """Where Airtable is found."""

    endpoint: str
    api_key: str = field(repr=False)


def real_airtable(scans: Iterable[Scan]) -> Airtable | None:
    """None where our stand-in serves all of their bases, if any. Raises `MissingError`."""
    endpoint = os.environ.get("AIRTABLE_ENDPOINT_URL")
    api_key = os.environ.get("AIRTABLE_API_KEY", "")
    bases = {scan.heading()["base"] for scan in scans if "base" in scan.headings}
    if (not endpoint and bases <= set(SAMPLE_BASES)) or not (bases or api_key):
        return None
    if not api_key:
        raise MissingError(NO_KEY)
    return Airtable(endpoint or REAL_AIRTABLE, api_key)


@dataclass(frozen=True)
class OpenAI:
    """Where a language model is found; `model` is the one that scans without a name ask."""

    base_url: str
    api_key: str = field(repr=False)
    model: str = ""


def real_openai() -> OpenAI | None:
    """None where our stand-in is to answer: the environment names neither an address nor a key."""
    base_url = os.environ.get("OPENAI_BASE_URL", "")
    api_key = os.environ.get("OPENAI_API_KEY", "")
    if not base_url and not api_key:
        return None
    # a server of one's own may want no key; the functions take none for no model at all
    return OpenAI(base_url or REAL_OPENAI, api_key or "none", os.environ.get("LANDFALL_MODEL", ""))
