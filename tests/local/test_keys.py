"""A key is shown nowhere: not in output, logs or stored documents, whatever fails and says it back.

Each failure is met with keys as people paste them. What is looked for are parts of the key, in any
form: a text that was cut shows a part, and one that was wrapped shows two.
"""

import asyncio
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

import pytest

from infra.cloud.checks import api_keys
from infra.cloud.checks.check import Check, run_check
from infra.costs import command as cost
from infra.local import command as local
from landfall.airtable import pacer as airtable_pacer
from landfall.airtable.client import AirtableClient
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import load
from landfall.llm.openai.chat import OpenAIModel
from landfall.process.redaction import OURS, guard_output
from tests.fakes.bases import BASE, a_base, a_server
from tests.fakes.clients import FakeClients
from tests.fakes.elements import Elements, elements_server
from tests.fakes.keys import ANSWERS, a_key, a_service, shown
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import drive_with
from tests.fakes.world import World

SCAN = f"""
id: own
kind: integrity
base: {BASE}
tables: {{People: [Email]}}
rules: [{{id: email, kind: required, table: People, field: Email}}]
"""


PASTED: Mapping[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "with a line break at its end": lambda key: f"{key}\n",
    "with blanks around it": lambda key: f"  {key} ",
    "with a blank in it": lambda key: f"{key[:20]} {key[20:]}",
    "on two lines": lambda key: f"{key[:20]}\n{key[20:]}",
    "in quotes": lambda key: f'"{key}"',
    "with another letter": lambda key: f"{key}é",
    "with a zero-width space": lambda key: f"\u200b{key}",
    "with a carriage return": lambda key: f"{key}\r",
    "very long": lambda key: key * 200,
}


T = TypeVar("T")


@contextmanager
def beside(serving: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """A server in a thread of its own: a program needs the main one, for signals."""
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as thread:
        loop = runner.get_loop()
        thread.submit(loop.run_forever)
        try:
            yield asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(10)
        finally:
            end = serving.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(end, loop).result(10)
            loop.call_soon_threadsafe(loop.stop)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)
    monkeypatch.setattr("infra.local.check.sample.RETRY_SECONDS", 0.01)


@pytest.fixture
def scan(tmp_path: Path) -> str:
    """The path of a scan of a base of one's own."""
    path = tmp_path / "own.yaml"
    path.write_text(SCAN)
    return str(path)


class Program:
    """A program that is run in this process, as its own would be: its output is guarded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def run(self, main: Callable[[], int], *arguments: str, **environment: str) -> tuple[int, str]:
        """Return its exit status, and all that it printed."""
        output = io.StringIO()
        for name, value in environment.items():
            self._patch.setenv(name, value)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["program", *arguments])
            patch.setattr(sys, "stdout", output)
            patch.setattr(sys, "stderr", output)
            guard_output(*environment.values())
            return main(), output.getvalue()


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Program:
    """A program to run."""
    return Program(monkeypatch)


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_a_key_is_checked_at_the_door(program, scan, pasted):
    """What surrounds a key is taken off; what cannot be one is named, and nothing is asked."""
    key = a_key()
    with beside(a_server(a_base(People=2), api_key=key)) as airtable:
        given = {"AIRTABLE_ENDPOINT_URL": airtable.url, "AIRTABLE_API_KEY": pasted(key)}
        status, output = program.run(local.main, "--check", scan, **given)
        asked = len(airtable.requests)
    assert shown(key, output) == []
    if pasted(key).strip() == key:
        assert (status, "nothing was written" in output.lower()) == (0, True)
    else:
        assert (status, asked) == (2, 0)
        assert "AIRTABLE_API_KEY is no key: it has " in output
    assert "cannot be reached" not in output


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_check_does_not_show_it(program, scan, answer):
    """Whatever Airtable, or something on the way to it, answers."""
    key = a_key()
    with beside(a_service(answer)) as url:
        given = {"AIRTABLE_ENDPOINT_URL": url, "AIRTABLE_API_KEY": key}
        status, output = program.run(local.main, "--check", scan, "--json", **given)
    assert status == 2
    assert "was not checked" in output
    assert shown(key, output) == []


@pytest.mark.parametrize("main", [local.main, cost.main], ids=["run", "cost"])
@pytest.mark.parametrize("pasted", ["on two lines", "in quotes", "very long"])
def test_nothing_starts_with_what_cannot_be_a_key(program, scan, main, pasted):
    """Neither the stack nor a forecast; the variable is named."""
    key = a_key()
    status, output = program.run(main, scan, AIRTABLE_API_KEY=PASTED[pasted](key))
    assert (status, shown(key, output)) == (2, [])
    assert "AIRTABLE_API_KEY is no key" in output


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_doctor_does_not_show_it(answer):
    """It asks both services with the keys that it has read, and tells which of them are none."""
    with beside(a_service(answer)) as url:
        for ask, (how, pasted) in product((api_keys.airtable, api_keys.openai), PASTED.items()):
            key = a_key()
            OURS.add(key)
            result = run_check(Check("key", partial(ask, url, pasted(key))))
            assert shown(key, OURS.keys(repr(result))) == []
            assert ("is no key" in result.observed) == (pasted(key).strip() != key), how


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_run_does_not_store_or_log_it(answer):
    """Neither Airtable's nor the model's key, as it ends in an error or goes on."""
    key = a_key()
    OURS.add(key)
    store, world = MemoryStore(), World(MemoryStore())
    async with a_service(answer) as url, elements_server() as airtable:
        elements = Elements(airtable, lambda _: OpenAIModel(url, key, "gpt-6-luna"), World(store))

        async def runs() -> None:
            scan = load(SCAN, "own")
            assert isinstance(scan, IntegrityScan)
            await world.registry.save(scan, "tester")
            await world.start(scan)
            client = FakeClients(base=lambda _: AirtableClient(BASE, key, url))
            await drive_with(world, client)
            await elements.run()

        output = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", output)
            guard_output()
            await runs()
    logged = output.getvalue()
    assert "attempt failed" in logged
    assert shown(key, logged) == []
    assert isinstance(world.stored, MemoryStore)
    stored = repr([*store.whole().values(), *world.stored.whole().values()])
    assert shown(key, stored) == []
    assert "last_error" in stored


async def test_it_is_not_shown_where_a_program_breaks():
    """A traceback goes the same way as everything else; each program begins with that."""
    key = a_key()
    for module in "infra.local", "infra.costs", "infra.cloud":
        broken = (
            "import runpy, sys, os\n"
            "def broken(*_): raise ValueError('it is ' + os.environ['AIRTABLE_API_KEY'])\n"
            "import infra.local.command, infra.costs.command, infra.cloud.doctor\n"
            "for it in infra.local.command, infra.costs.command, infra.cloud.doctor:\n"
            "    it.main = broken\n"
            "sys.argv[1:] = ['doctor']\n"
            f"runpy.run_module('{module}', run_name='__main__')\n"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", broken),
            env={"PYTHONPATH": ":".join(sys.path), "AIRTABLE_API_KEY": f" {key}\n"},
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        assert "ValueError: it is " in err.decode()
        assert shown(key, err.decode()) == []
