"""What a local stack asks: an Airtable and a language model, those that a person named or our
stand-ins; and the web sites of the samples, which are stand-ins."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from infra.local.airtable.bases import Base
from infra.local.airtable.server import LocalAirtable
from infra.local.endpoints import Airtable, OpenAI
from infra.local.openai.server import LocalOpenAI
from infra.local.site.pages import Resource
from infra.local.site.server import LocalSite


@dataclass(frozen=True)
class Vendors:
    """Where they are found, and which of them are our stand-ins."""

    airtable: Airtable
    openai: OpenAI
    local_airtable: LocalAirtable | None
    local_openai: LocalOpenAI | None
    sites: Mapping[str, LocalSite]
    """By the address that a sample names."""


async def open_vendors(
    airtable: Airtable | tuple[Sequence[Base], Mapping[str, Any]],
    openai: OpenAI | Mapping[str, Any],
    sites: Mapping[str, Mapping[str, Resource]],
    exits: AsyncExitStack,
) -> Vendors:
    """Start the stand-in of each that is not named: for these bases, with these arguments."""
    local_airtable: LocalAirtable | None = None
    local_openai: LocalOpenAI | None = None
    if isinstance(airtable, tuple):
        key, (bases, arguments) = "patLocal000000000.stand-in", airtable
        local_airtable = LocalAirtable(bases, api_key=key, **arguments)
        await exits.enter_async_context(local_airtable)
        airtable = Airtable(local_airtable.url, key)
    if not isinstance(openai, OpenAI):
        key = "sk-local-stand-in"
        local_openai = LocalOpenAI(api_key=key, **openai)
        await exits.enter_async_context(local_openai)
        openai = OpenAI(local_openai.url, key)
    local_sites = {
        url: await exits.enter_async_context(LocalSite(pages)) for url, pages in sites.items()
    }
    return Vendors(airtable, openai, local_airtable, local_openai, local_sites)
