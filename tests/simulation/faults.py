"""What may go wrong at every write and every call to the outside, drawn from a seed.

An invocation is a process of its own. Killed, nothing of it happens any more: no `finally` of it
reaches the outside. Frozen, it stands still whatever its deadlines say, and goes on later as if
nothing had been: the zombie.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from random import Random

from landfall.store.server_clock import ServerClock
from tests.simulation.virtual_time import jumped, wall_clock


class KilledError(BaseException):
    """The process is gone. No `except Exception` sees it."""


NEARLY_RIGHT = 4.0
"""Seconds by which a clock may be off where it counts as right: less than separates the end of a
lease from the moment at which its step is taken, and than a tick refuses to work by."""

MOST_AHEAD = 600.0
"""Seconds by which the other clocks are off, at most."""


@dataclass(frozen=True)
class Rates:
    """How often each fault happens, as a probability at each occasion."""

    kill: float = 0.004
    freeze: float = 0.003
    store_error: float = 0.006
    ambiguous_commit: float = 0.006
    slow: float = 0.03
    airtable_error: float = 0.03
    expired_offset: float = 0.02
    empty_look: float = 0.02
    empty_page: float = 0.02
    same_page: float = 0.02
    site_error: float = 0.08
    site_refusal: float = 0.10
    model_error: float = 0.03
    lost_answer: float = 0.03
    model_refusal: float = 0.10
    model_nonsense: float = 0.10
    batch_refusal: float = 0.30
    skewed_clock: float = 0.10
    lose_task: float = 0.04
    duplicate_task: float = 0.15
    late_task: float = 0.10
    refuse_task: float = 0.03
    skip_tick: float = 0.10
    double_tick: float = 0.20

    @classmethod
    def draw(cls, random: Random) -> "Rates":
        """Some simulations are quiet, some are wild; in each, some faults do not happen at all."""
        scale = random.choice([0.0, 0.5, 1.0, 1.0, 3.0])
        return replace(
            cls(),
            **{
                rate.name: getattr(cls, rate.name) * scale * random.choice([0, 1, 1])
                for rate in fields(cls)
            },
        )


class Invocation:
    """One process: alive, frozen, or dead. Where it is `quiet`, it meets no faults.

    `run_id` is the run that it works on, if any. The clock of its machine is `ahead` by so many
    seconds.
    """

    def __init__(
        self, name: str, *, quiet: bool = False, run_id: str = "", ahead: float = 0.0
    ) -> None:
        self.name = name
        self.run_id = run_id
        self.quiet = quiet
        self.clock = ServerClock(_ahead_by(ahead) if ahead else wall_clock)
        self.began = asyncio.get_running_loop().time()
        self.dead = False
        self.frozen_until = 0.0


def _ahead_by(seconds: float) -> Callable[[], datetime]:
    ahead = timedelta(seconds=seconds)
    return lambda: wall_clock() + ahead


def clock_of_process() -> datetime:
    """Return the time by which the current process works."""
    return current.get().clock()


current: ContextVar[Invocation] = ContextVar("invocation")


class Chaos:
    """Draws the faults. Everything random in a simulation comes from here."""

    def __init__(self, seed: int, rates: Rates | None = None) -> None:
        self.random = Random(seed)
        self.struck: dict[str, int] = {}
        self._rates: dict[str, float] = vars(rates or Rates.draw(self.random))

    @staticmethod
    def now() -> float:
        """By the event loop's clock."""
        return asyncio.get_running_loop().time()

    def strikes(self, fault: str) -> bool:
        """Whether the fault happens on this occasion."""
        invocation = current.get(None)
        return not (invocation and invocation.quiet) and self._draw(fault)

    def _draw(self, fault: str) -> bool:
        if self.random.random() >= self._rates[fault]:
            return False
        self.struck[fault] = self.struck.get(fault, 0) + 1
        return True

    def clock_ahead(self) -> float:
        """Draw the seconds by which the clock of a new process is ahead, or behind."""
        if not self._draw("skewed_clock"):
            return 0.0
        most = self.random.choice([NEARLY_RIGHT, MOST_AHEAD])
        return self.random.uniform(most / 10, most) * self.random.choice([-1, 1])

    async def pass_by(self, shortest: float, longest: float) -> bool:
        """An occasion: time passes, and the process may be killed or frozen meanwhile.

        True when it was cancelled while frozen: what it was about to do still happens, late.
        """
        invocation = current.get()
        if invocation.dead:
            raise KilledError(invocation.name)
        seconds = self.random.uniform(shortest, longest)
        if not invocation.quiet:
            seconds = await self._trouble(invocation, seconds)
        frozen = invocation.frozen_until and invocation.frozen_until > self.now()
        if not (frozen or jumped(seconds)):
            await asyncio.sleep(seconds)
        cancelled = bool(invocation.frozen_until) and await self._thaw(invocation)
        if invocation.dead:
            raise KilledError(invocation.name)
        return cancelled

    async def _trouble(self, invocation: Invocation, seconds: float) -> float:
        """Draw the faults of an occasion; the seconds that it takes, of which some may be over."""
        if self._draw("slow"):
            seconds += self.random.uniform(1, 25)
        if self._draw("kill"):
            await asyncio.sleep(self.random.uniform(0, seconds))
            invocation.dead = True
        if self._draw("freeze"):
            loop = asyncio.get_running_loop()
            invocation.frozen_until = loop.time() + self.random.uniform(20, 200)
        return seconds

    async def _thaw(self, invocation: Invocation) -> bool:
        loop = asyncio.get_running_loop()
        cancelled = False
        while (left := invocation.frozen_until - loop.time()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                cancelled = True
        return cancelled


@contextlib.contextmanager
def process(
    name: str, *, quiet: bool = False, run_id: str = "", ahead: float = 0.0
) -> Iterator[Invocation]:
    """Everything inside belongs to a new process of that name."""
    invocation = Invocation(name, quiet=quiet, run_id=run_id, ahead=ahead)
    token = current.set(invocation)
    try:
        yield invocation
    finally:
        current.reset(token)
