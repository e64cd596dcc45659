"""The composition root: the one place that makes the parts of a function.

A part is made, and its vendor's library imported, when a request first needs it: a cold start pays
only for what it uses.
"""

import functools
import os
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from landfall.entry.allowances import Allowances
from landfall.entry.clients import Clients
from landfall.process import garbage
from landfall.process.config import Config, load_config

if TYPE_CHECKING:
    from landfall.entry.callers import Callers, Visitors
    from landfall.process.redaction import Redactor
    from landfall.runs.runs import Runs
    from landfall.store.indexes import Indexes
    from landfall.store.server_clock import ServerClock


@dataclass(frozen=True)
class App:
    """The parts of a function, made once a process."""

    config: Config
    runs: "Runs"
    indexes: "Indexes"
    server_clock: "ServerClock"
    callers: "Callers"
    visitors: "Visitors"
    clients: Clients
    redactor: "Redactor"
    allowances: Allowances | None
    """None where only Google calls."""


@functools.cache
def app_of(function: str) -> App:
    """Return the parts of a function, from its environment. Raises `ConfigError`."""
    from landfall.entry.callers import Callers, Visitors, fetch_certificates
    from landfall.entry.own_service import CallerCheck, read_caller_check
    from landfall.process.redaction import OURS
    from landfall.runs.cloud_tasks import CloudTasksQueue, Delivery, cloud_tasks_client
    from landfall.runs.runs import Runs
    from landfall.runs.steps import ROLES, TELL
    from landfall.store.firestore import FirestoreStore, firestore_client
    from landfall.store.indexes import Indexes
    from landfall.store.server_clock import ServerClock
    from landfall.store.versioned import VersionedStore

    config = load_config(function, os.environ)
    urls = {"fetch": config.fetch_url, "score": config.score_url}
    delivery = Delivery(
        queue=config.queue,
        urls={
            **{step_id: urls[role.function] for step_id, role in ROLES.items()},
            TELL: config.fetch_url,
        },
        service_account=config.tasks_account,
        audience=config.audiences[0],
    )
    random = Random()
    ladder = config.ladder
    clock = ServerClock()
    client = firestore_client(config.project, ladder.connect, config.database)
    store = FirestoreStore(client, ladder.request, clock)
    emulator = config.cloud_tasks_emulator
    open_tasks = functools.partial(cloud_tasks_client, emulator, ladder.connect)
    queue = CloudTasksQueue(open_tasks, delivery, ladder, random, clock)
    own_service = (config.metadata_host, config.run_api_url, config.service)
    callers = Callers(
        issuer=config.token_issuer,
        audiences=config.audiences,
        allowed=config.callers,
        cloud_run=(
            CallerCheck(functools.partial(read_caller_check, *own_service))
            if config.checked_by_cloud_run
            else None
        ),
        certificates=lambda: fetch_certificates(config.certificates_url),
    )
    visitors = Visitors(
        audience=config.iap_audience, keys=lambda: fetch_certificates(config.iap_keys_url)
    )
    runs = Runs(VersionedStore(store, retention=config.retention), queue, clock, random, ladder)
    garbage.freeze()
    clients = Clients(config)
    OURS.add(*config.secrets)
    indexes = Indexes(store, clock)
    allowances = Allowances.of(config)
    return App(config, runs, indexes, clock, callers, visitors, clients, OURS, allowances)
