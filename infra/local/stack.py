"""The whole of Landfall on this machine: the functions as they are deployed, and around them what
Google, Airtable and OpenAI are in production.

    Firestore emulator (java)      fetch, score, scheduler, watchdog, api (functions-framework)
    in this process: Cloud Tasks, token issuer, the stand-ins for Airtable and OpenAI, the ticks of
    Cloud Scheduler

Local is other URLs, never another code path: all that the functions are told is their environment.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from google.cloud import tasks_v2
from google.protobuf.duration_pb2 import Duration

from infra.local.airtable.bases import Base
from infra.local.cloud_tasks.server import LocalCloudTasks
from infra.local.emulator import emulator_command
from infra.local.endpoints import Airtable, OpenAI
from infra.local.environment import (
    AUDIENCE,
    FUNCTIONS,
    QUEUE,
    SCHEDULER_ACCOUNT,
    Addresses,
    addresses_of,
    environment_of,
    shared_environment,
)
from infra.local.issuer import Issuer, serve_certificates
from infra.local.processes import (
    EndedError,
    PortTakenError,
    Process,
    StartError,
    free_port,
    guarded_group,
)
from infra.local.samples.clinic import sample_sites
from infra.local.site.pages import Resource
from infra.local.vendors import Vendors, open_vendors
from landfall.deadlines import TICK

ROOT = Path(__file__).resolve().parents[2]

READY_SECONDS = 60.0
"""How long a process may take until it answers; usually 2 s."""

STARTS = 3
"""Starts of a stack whose ports are taken from under it."""


@dataclass
class Options:
    """What a stack is started with; the defaults are those of `infra/local/run`."""

    bases: tuple[Base, ...] = ()
    airtable: Airtable | None = None
    """A real Airtable, or somebody else's stand-in; None starts ours."""
    openai: OpenAI | None = None
    """A real language model; None starts our stand-in."""
    tick_seconds: float | None = TICK
    """None: nobody ticks but `Stack.tick`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables for the functions."""
    stand_in: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the Airtable stand-in: latency, faults, limits."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the OpenAI stand-in: latency, faults, limits, how long a batch takes."""
    sites: Mapping[str, Mapping[str, Resource]] = field(default_factory=sample_sites)
    """Pages of web sites, by the address that scans name."""
    queue: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the local Cloud Tasks: faults, the shortest dispatch deadline."""


class Stack:
    """A running stack; made by `running`."""

    def __init__(
        self,
        addresses: Addresses,
        issuer: Issuer,
        client: httpx.AsyncClient,
        tasks: LocalCloudTasks,
        vendors: Vendors,
        queue: Mapping[str, Any],
    ) -> None:
        self.addresses = addresses
        self.issuer = issuer
        self.tasks = tasks
        self.airtable = vendors.local_airtable
        self.openai = vendors.local_openai
        self.sites = vendors.sites
        self.processes: dict[str, Process] = {}
        self._client = client
        self._queue = queue

    async def restart_tasks(self) -> None:
        """What a crash of the queue's service is: it has forgotten every task and every name."""
        port = int(self.tasks.address.rpartition(":")[2])
        await self.tasks.stop()
        self.tasks = await _cloud_tasks(self.issuer, {**self._queue, "port": port})

    async def stop_tasks(self) -> None:
        """End Cloud Tasks; whatever is under way is hung up on."""
        await self.tasks.stop()

    async def tick(self, name: str) -> httpx.Response:
        """What Cloud Scheduler does every minute, for `scheduler` or `watchdog`."""
        token = self.issuer.token(SCHEDULER_ACCOUNT, AUDIENCE)
        headers = {"Authorization": f"Bearer {token}"}
        return await self._client.post(asdict(self.addresses)[name], headers=headers)

    async def call(self, method: str, path: str, json: Any = None) -> httpx.Response:
        """A person's request to the api."""
        headers = {"Authorization": f"Bearer {self.addresses.token}"}
        url = f"{self.addresses.api}{path}"
        return await self._client.request(method, url, json=json, headers=headers)

    def check(self) -> None:
        """Raise `EndedError` when a process has ended."""
        for process in self.processes.values():
            process.check()


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Stack]:
    """Start everything, and stop all of it again on the way out, however that comes.

    Raises `StartError`, `MissingError`.
    """
    async with AsyncExitStack() as exits:
        yield await _started(options, exits)


async def _started(options: Options, exits: AsyncExitStack) -> Stack:
    """Start with other ports when somebody else took one of ours in the meantime."""
    for _ in range(STARTS):
        async with AsyncExitStack() as ours:
            try:
                stack = await _start(options, ours)
            except PortTakenError:
                continue
            except EndedError as error:
                raise StartError(str(error)) from None
            exits.push_async_exit(ours.pop_all())
            return stack
    raise StartError(f"in each of {STARTS} attempts another process took a port that had been free")


async def _start(options: Options, exits: AsyncExitStack) -> Stack:
    logs = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="landfall-")))
    issuer = Issuer()
    certificates = await exits.enter_async_context(serve_certificates(issuer))
    client = await exits.enter_async_context(_client())
    vendors = await open_vendors(
        options.airtable or (options.bases, options.stand_in),
        options.openai or options.model,
        options.sites,
        exits,
    )
    ports = {name: free_port() for name in ("firestore", *FUNCTIONS)}
    tasks = await _cloud_tasks(issuer, options.queue)
    addresses = addresses_of(ports, tasks, vendors, issuer)
    stack = Stack(addresses, issuer, client, tasks, vendors, options.queue)
    exits.push_async_callback(stack.stop_tasks)
    environment = {**shared_environment(addresses, vendors, certificates), **options.environment}
    group = exits.enter_context(guarded_group())
    exits.push_async_callback(_stop_all, stack.processes)
    for name, command in _commands(ports).items():
        stack.processes[name] = await Process.start(
            name, command, logs / f"{name}.log", environment_of(name, environment), group
        )
    for name, port in ports.items():
        await _ready(stack, name, port)
    for process in stack.processes.values():  # it may be a stranger who listens
        process.check_port()
    if options.tick_seconds is not None:
        ticking = asyncio.create_task(_tick_for_ever(stack, options.tick_seconds))
        exits.push_async_callback(_cancel, ticking)
    return stack


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=60.0,
        # a function closes an idle connection after 2 s, maybe just as it is used again
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=False,  # loopback only: a proxy of the person's environment has no part in it
    )


async def _cloud_tasks(issuer: Issuer, arguments: Mapping[str, Any]) -> LocalCloudTasks:
    tasks = LocalCloudTasks(issuer, **arguments)
    await tasks.start()
    tasks.create_queue(QUEUE, retry_config=_retries(), rate_limits=_rates())
    return tasks


def _commands(ports: Mapping[str, int]) -> dict[str, list[str]]:
    framework = str(Path(sys.executable).with_name("functions-framework"))
    commands = {"firestore": emulator_command(ports["firestore"], ROOT / "infra/firestore.rules")}
    for name in FUNCTIONS:
        commands[name] = [framework, "--target", name, "--source", str(ROOT / "functions/main.py")]
        commands[name] += ["--host", "127.0.0.1", "--port", str(ports[name])]
    return commands


async def _ready(stack: Stack, name: str, port: int) -> None:
    """Wait until the process listens. Raises `EndedError` when any process ends, `StartError`."""
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        for process in stack.processes.values():
            process.check_port()
            process.check()
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.05)
    log = stack.processes[name].log_end()
    raise StartError(
        f"{name} did not listen within {READY_SECONDS:.0f} s; the end of its log:\n{log}"
    )


async def _tick_for_ever(stack: Stack, seconds: float) -> None:
    while True:
        for name in ("scheduler", "watchdog"):
            with contextlib.suppress(httpx.HTTPError):  # the next tick is the retry
                await stack.tick(name)
        await asyncio.sleep(seconds)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _stop_all(processes: Mapping[str, Process]) -> None:
    await asyncio.gather(*(process.stop() for process in processes.values()))


def _retries() -> tasks_v2.RetryConfig:
    """Deliveries of one task. Attempts of a step are not these: they are state, in Firestore."""
    return tasks_v2.RetryConfig(
        max_attempts=5,
        max_retry_duration=Duration(seconds=120),
        min_backoff=Duration(seconds=1),
        max_backoff=Duration(seconds=10),
        max_doublings=3,
    )


def _rates() -> tasks_v2.RateLimits:
    return tasks_v2.RateLimits(max_dispatches_per_second=100, max_concurrent_dispatches=20)
