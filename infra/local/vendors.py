"""The services that a local stack calls: Airtable, a language model and web sites.

Airtable and the model are those that the environment names, or stand-ins; the web sites of the
samples are stand-ins.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from infra.local.airtable.bases import BaseData
from infra.local.airtable.server import LocalAirtable
from infra.local.endpoints import AirtableEndpoint, OpenAIEndpoint
from infra.local.openai.server import LocalOpenAI
from infra.local.site.pages import Resource
from infra.local.site.server import LocalSite


@dataclass(frozen=True)
class Vendors:
    """The endpoints of the services, and those of them that are stand-ins."""

    airtable: AirtableEndpoint
    openai: OpenAIEndpoint
    local_airtable: LocalAirtable | None
    local_openai: LocalOpenAI | None
    sites: Mapping[str, LocalSite]
    """Sites by the address in a sample's definition."""


async def open_vendors(
    airtable: AirtableEndpoint | tuple[Sequence[BaseData], Mapping[str, Any]],
    openai: OpenAIEndpoint | Mapping[str, Any],
    sites: Mapping[str, Mapping[str, Resource]],
    exits: AsyncExitStack,
) -> Vendors:
    """Start a stand-in for each service without an endpoint, with these bases and arguments."""
    local_airtable: LocalAirtable | None = None
    local_openai: LocalOpenAI | None = None
    if isinstance(airtable, tuple):
        key, (bases, arguments) = "patLocal000000000.stand-in", airtable
        local_airtable = LocalAirtable(bases, api_key=key, **arguments)
        await exits.enter_async_context(local_airtable)
        airtable = AirtableEndpoint(local_airtable.url, key)
    if not isinstance(openai, OpenAIEndpoint):
        key = "sk-local-stand-in"
        local_openai = LocalOpenAI(api_key=key, **openai)
        await exits.enter_async_context(local_openai)
        openai = OpenAIEndpoint(local_openai.url, key)
    local_sites = {
        url: await exits.enter_async_context(LocalSite(pages)) for url, pages in sites.items()
    }
    return Vendors(airtable, openai, local_airtable, local_openai, local_sites)
