"""Looks at a stack's Firestore beside the functions, as somebody at the console does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.cloud.firestore import AsyncClient

from infra.local.stack import Stack
from landfall.store.versions import DOCUMENT_KINDS

GROUPS = sorted({name for path in DOCUMENT_KINDS for name in path.split("/")})
"""Every collection there is."""


@asynccontextmanager
async def client_of(stack: Stack) -> AsyncIterator[AsyncClient]:
    """A client of the stack's database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", stack.addresses.firestore)
        client = AsyncClient(project=stack.addresses.project)
    yield client
    # AsyncClient.close is the synchronous client's, and leaves the channel open
    await client._firestore_api.transport.close()


async def everything(stack: Stack) -> dict[str, Any]:
    """When each document was last written, by its path."""
    async with client_of(stack) as client:
        top = {collection.id async for collection in client.collections()}
        assert top <= set(GROUPS), "a collection that GROUPS does not know"
        return {
            snapshot.reference.path: snapshot.update_time
            for group in GROUPS
            async for snapshot in client.collection_group(group).select([]).stream()
        }
