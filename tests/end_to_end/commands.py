"""The commands under infra/, started as a person would; remaining processes are killed."""

import asyncio
import contextlib
import os
import signal
import uuid
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import until

ROOT = Path(__file__).parents[2]
RUN = str(ROOT / "infra/local/run")
COST = str(ROOT / "infra/cost")
CLIENT = str(ROOT / "infra/landfall")
SCHOOL = ROOT / "infra/local/samples/school.yaml"

OWN_SCAN = """
id: own
kind: integrity
base: appOwn00000000001
tables: {People: [Email]}
rules: [{id: email, kind: required, table: People, field: Email}]
"""


@dataclass
class Command:
    """A started command. Its children inherit the mark in its environment."""

    process: asyncio.subprocess.Process
    mark: str

    async def line(self) -> str:
        """Return the next line of standard output."""
        assert self.process.stdout
        async with asyncio.timeout(60):
            return (await self.process.stdout.readline()).decode()

    async def ended(self) -> tuple[int, str, str]:
        """Return exit status, unread standard output, standard error."""
        async with asyncio.timeout(120):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()

    def living(self) -> dict[int, str]:
        """Return the command lines of the processes with the mark, by process id."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (folder / "environ").read_bytes():
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(folder.name)] = line
        return found

    async def nothing_is_left(self) -> None:
        """Wait a moment for the last process to end."""

        async def look() -> bool:
            return not self.living()

        await until(look, 5)


@contextlib.asynccontextmanager
async def command(
    *arguments: str, program: str = RUN, **environment: str
) -> AsyncIterator[Command]:
    """Yield the program with these arguments; kill its remaining processes at the end."""
    mark = uuid.uuid4().hex
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=_environment() | {"TEST_MARK": mark} | environment,
        limit=2**24,  # bytes of a line: a run and its report are one
    )
    started = Command(process, mark)
    try:
        yield started
    finally:
        for pid in started.living():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await process.communicate()


def _environment() -> dict[str, str]:
    ours = ("AIRTABLE_", "LANDFALL_", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


async def run(*arguments: str, program: str = RUN, **environment: str) -> tuple[int, str, str]:
    """Run the program; return exit status, standard output and standard error."""
    async with command(*arguments, program=program, **environment) as started:
        result = await started.ended()
        await started.nothing_is_left()
    return result
