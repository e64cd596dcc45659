"""All of Landfall on this machine: the functions as deployed, and stand-ins for the services.

    processes         Firestore emulator (java)
                      fetch, score, scheduler, watchdog, api, window (functions-framework)
    in this process   Cloud Tasks, the token issuer, Identity-Aware Proxy, the ticks of Cloud
                      Scheduler, the stand-ins for Airtable, OpenAI and web sites

Local is other URLs, never another code path: the functions differ only by their environment.
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

from infra.local.airtable.bases import BaseData
from infra.local.cloud_tasks.server import LocalCloudTasks
from infra.local.emulator import emulator_command, find_firestore
from infra.local.endpoints import AirtableEndpoint, OpenAIEndpoint
from infra.local.environment import (
    AUDIENCE,
    DEVELOPER,
    QUEUE,
    SCHEDULER_ACCOUNT,
    Addresses,
    addresses_of,
    environment_of,
    shared_environment,
)
from infra.local.iap import LocalIap
from infra.local.issuer import Issuer, serve_certificates
from infra.local.processes import (
    ExitedError,
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
from landfall.process.config import FUNCTIONS, WINDOW

ROOT = Path(__file__).resolve().parents[2]

READY_SECONDS = 60.0
"""Seconds within which a process must listen; usually it takes 2 s."""

MAX_STARTS = 3
"""Attempts to start a stack while other processes take its ports."""


@dataclass
class StackOptions:
    """The options of a stack; the defaults are those of `infra/local/run`."""

    bases: tuple[BaseData, ...] = ()
    airtable: AirtableEndpoint | None = None
    """A real Airtable, or another stand-in; None starts ours."""
    openai: OpenAIEndpoint | None = None
    """A real language model; None starts our stand-in."""
    tick_seconds: float | None = TICK
    """Seconds between two ticks; None leaves ticks to `Stack.tick`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Additional variables of the functions."""
    stand_in: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the Airtable stand-in: latency, faults, limits."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the OpenAI stand-in: latency, faults, limits, duration of a batch."""
    sites: Mapping[str, Mapping[str, Resource]] = field(default_factory=sample_sites)
    """Resources of web sites, by the address in a scan's definition."""
    queue: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the local Cloud Tasks: faults, the shortest dispatch deadline."""
    window: bool = False
    """Start the window, too, which only people need."""
    may_stand_in: bool = False
    """Use a stand-in for the Firestore emulator where there is none, as tests do not."""


class Stack:
    """A running stack; `running` makes one."""

    def __init__(
        self,
        addresses: Addresses,
        issuer: Issuer,
        client: httpx.AsyncClient,
        tasks: LocalCloudTasks,
        vendors: Vendors,
        queue: Mapping[str, Any],
        iap: LocalIap,
    ) -> None:
        self.addresses = addresses
        self.issuer = issuer
        self.tasks = tasks
        self.iap = iap
        self.airtable = vendors.local_airtable
        self.openai = vendors.local_openai
        self.sites = vendors.sites
        self.processes: dict[str, Process] = {}
        self._client = client
        self._queue = queue

    async def restart_tasks(self) -> None:
        """Restart Cloud Tasks as after a crash: it has forgotten every task and every name."""
        port = int(self.tasks.address.rpartition(":")[2])
        await self.tasks.stop()
        self.tasks = await _cloud_tasks(self.issuer, {**self._queue, "port": port})

    async def stop_tasks(self) -> None:
        """Stop Cloud Tasks, and cancel its attempts in flight."""
        await self.tasks.stop()

    async def tick(self, name: str) -> httpx.Response:
        """Call `scheduler` or `watchdog`, as Cloud Scheduler does every minute."""
        token = self.issuer.token(SCHEDULER_ACCOUNT, AUDIENCE)
        headers = {"Authorization": f"Bearer {token}"}
        return await self._client.post(asdict(self.addresses)[name], headers=headers)

    async def call(self, method: str, path: str, json: Any = None) -> httpx.Response:
        """Send a person's request to the api."""
        headers = {"Authorization": f"Bearer {self.addresses.token}"}
        url = f"{self.addresses.api}{path}"
        return await self._client.request(method, url, json=json, headers=headers)

    def check(self) -> None:
        """Raise `ExitedError` if a process has exited."""
        for process in self.processes.values():
            process.check()


@asynccontextmanager
async def running(options: StackOptions) -> AsyncIterator[Stack]:
    """Start a stack; stop all of it at the exit, whatever the reason.

    Raises `StartError`, `MissingError`.
    """
    async with AsyncExitStack() as exits:
        yield await _start_with_retries(options, exits)


async def _start_with_retries(options: StackOptions, exits: AsyncExitStack) -> Stack:
    """Start with other ports if another process takes one of ours in the meantime."""
    for _ in range(MAX_STARTS):
        async with AsyncExitStack() as ours:
            try:
                stack = await _start(options, ours)
            except PortTakenError:
                continue
            except ExitedError as error:
                raise StartError(str(error)) from None
            exits.push_async_exit(ours.pop_all())
            return stack
    raise StartError(
        f"in each of {MAX_STARTS} attempts another process took a port that had been free"
    )


async def _start(options: StackOptions, exits: AsyncExitStack) -> Stack:
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
    functions = (*FUNCTIONS, WINDOW) if options.window else FUNCTIONS
    ports = {name: free_port() for name in ("firestore", *functions)}
    window = f"http://127.0.0.1:{ports.get(WINDOW, 0)}"
    iap = await exits.enter_async_context(LocalIap(window, [DEVELOPER]))
    exits.push_async_callback(iap.close)
    tasks = await _cloud_tasks(issuer, options.queue)
    addresses = addresses_of(ports, tasks, vendors, issuer, iap)
    stack = Stack(addresses, issuer, client, tasks, vendors, options.queue, iap)
    exits.push_async_callback(stack.stop_tasks)
    environment = {
        **shared_environment(addresses, vendors, certificates, iap),
        **options.environment,
    }
    group = exits.enter_context(guarded_group())
    exits.push_async_callback(_stop_all, stack.processes)
    for name, command in _commands(ports, options.may_stand_in).items():
        stack.processes[name] = await Process.start(
            name, command, logs / f"{name}.log", environment_of(name, environment), group
        )
    for name, port in ports.items():
        await _wait_until_ready(stack, name, port)
    for process in stack.processes.values():  # the listener may be a process of somebody else
        process.check_port()
    if options.tick_seconds is not None:
        ticking = asyncio.create_task(_tick_forever(stack, options.tick_seconds))
        exits.push_async_callback(_cancel, ticking)
    return stack


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=60.0,
        # functions close each connection with their answer
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=False,  # loopback only: no proxy of the environment
    )


async def _cloud_tasks(issuer: Issuer, arguments: Mapping[str, Any]) -> LocalCloudTasks:
    tasks = LocalCloudTasks(issuer, **arguments)
    await tasks.start()
    tasks.create_queue(QUEUE, retry_config=_retry_config(), rate_limits=_rate_limits())
    return tasks


def framework_command(function: str, port: int) -> list[str]:
    """Return the command that serves a function of this checkout on a port of the loopback."""
    framework = str(Path(sys.executable).with_name("functions-framework"))
    source = ["--target", function, "--source", str(ROOT / "functions/main.py")]
    return [framework, *source, "--host", "127.0.0.1", "--port", str(port)]


def _commands(ports: Mapping[str, int], may_stand_in: bool) -> dict[str, list[str]]:
    command = find_firestore().command if may_stand_in else emulator_command
    commands = {"firestore": command(ports["firestore"], ROOT / "infra/firestore.rules")}
    functions = ports.keys() - {"firestore"}
    return commands | {name: framework_command(name, ports[name]) for name in functions}


async def _wait_until_ready(stack: Stack, name: str, port: int) -> None:
    """Wait until the process listens. Raises `ExitedError` if any process exits, `StartError`."""
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


async def _tick_forever(stack: Stack, seconds: float) -> None:
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


def _retry_config() -> tasks_v2.RetryConfig:
    """Return the retries of a task's delivery. Attempts of a step are state, in Firestore."""
    return tasks_v2.RetryConfig(
        max_attempts=5,
        max_retry_duration=Duration(seconds=120),
        min_backoff=Duration(seconds=1),
        max_backoff=Duration(seconds=10),
        max_doublings=3,
    )


def _rate_limits() -> tasks_v2.RateLimits:
    return tasks_v2.RateLimits(max_dispatches_per_second=100, max_concurrent_dispatches=20)
