"""The endpoints of Airtable and of the language model: those of the environment, or stand-ins."""

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from infra.local.airtable.bases import BaseData
from infra.local.emulator import MissingError
from infra.local.samples.catalogue import catalogue
from infra.local.samples.flights import flights
from infra.local.samples.school.base import school
from landfall.process.config import key_fault
from landfall.scans.scan import Scan

AIRTABLE_URL = "https://api.airtable.com"
OPENAI_URL = "https://api.openai.com/v1"

SAMPLE_BASES: dict[str, Callable[[], BaseData]] = {
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
class AirtableEndpoint:
    """The address of an Airtable, and a key."""

    endpoint: str
    api_key: str = field(repr=False)


def configured_airtable(scans: Iterable[Scan]) -> AirtableEndpoint | None:
    """Return the endpoint, or None if our stand-in has all bases. Raises `MissingError`."""
    return airtable_with({scan.heading()["base"] for scan in scans if "base" in scan.headings})


def airtable_with(bases: Collection[str]) -> AirtableEndpoint | None:
    """Return the endpoint, or None if our stand-in has these bases. Raises `MissingError`."""
    endpoint = os.environ.get("AIRTABLE_ENDPOINT_URL", "").strip()
    api_key = os.environ.get("AIRTABLE_API_KEY", "").strip()
    if (not endpoint and set(bases) <= set(SAMPLE_BASES)) or not (bases or api_key):
        return None
    if not api_key:
        raise MissingError(NO_KEY)
    if fault := key_fault(api_key):
        raise MissingError(f"AIRTABLE_API_KEY {fault}.")
    return AirtableEndpoint(endpoint or AIRTABLE_URL, api_key)


@dataclass(frozen=True)
class OpenAIEndpoint:
    """The address of a language model, a key, and the model of scans that name none."""

    base_url: str
    api_key: str = field(repr=False)
    model: str = ""


def configured_openai() -> OpenAIEndpoint | None:
    """Return the endpoint, or None for our stand-in: no address and no key is set.

    Raises `MissingError` for a key that cannot be one.
    """
    base_url = os.environ.get("OPENAI_BASE_URL", "").strip()
    api_key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not base_url and not api_key:
        return None
    if api_key and (fault := key_fault(api_key)):
        raise MissingError(f"OPENAI_API_KEY {fault}.")
    # a server of one's own may need no key; to the functions, no key means no model
    return OpenAIEndpoint(
        base_url or OPENAI_URL, api_key or "none", os.environ.get("LANDFALL_MODEL", "")
    )
