"""Count what is asked of the store and of Airtable, by the context that asks.

A meter counts one invocation, though others share its process: it lives in a context variable, and
the tasks that the invocation starts inherit it. `runs.costs` writes the sums into the run.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from landfall.store.documents import Fields, Meter


def seconds_now() -> float:
    """Return the event loop's clock, in seconds."""
    return asyncio.get_running_loop().time()


@dataclass
class Account(Meter):
    """A meter that knows since when it counts."""

    began: float = field(default_factory=seconds_now)
    airtable_requests: int = 0

    def spent(self) -> Fields:
        """Return what was asked of the store so far, in the form of a document."""
        return {"firestore_reads": self.reads, "firestore_writes": self.writes}


_accounts: ContextVar[tuple[Account, ...]] = ContextVar("accounts", default=())


@contextmanager
def metering() -> Iterator[Account]:
    """Count all that is asked of a store in this context, also by tasks that it starts."""
    account = Account()
    token = _accounts.set((*_accounts.get(), account))
    try:
        yield account
    finally:
        _accounts.reset(token)


def current_account() -> Account | None:
    """Return the innermost account of this context."""
    accounts = _accounts.get()
    return accounts[-1] if accounts else None


def charge(meter: Meter, *, reads: int = 0, writes: int = 0, commits: int = 0) -> None:
    """Add to a store's own meter, and to the accounts of this context."""
    for one in (meter, *_accounts.get()):
        one.reads += reads
        one.writes += writes
        one.commits += commits


def count_airtable_request() -> None:
    """Add one request to the accounts of this context."""
    for account in _accounts.get():
        account.airtable_requests += 1
