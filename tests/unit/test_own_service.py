"""What a function believes of Cloud Run's check of its callers: read from Cloud Run itself."""

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from infra.local.processes import free_port
from infra.local.wire.faults import Fault, FaultKind
from landfall.deadlines import LADDER
from landfall.entry.own_service import (
    BELIEVED,
    READ_AGAIN,
    READ_EVERY,
    CallerCheck,
    OwnService,
    OwnServiceError,
    read_caller_check,
)
from tests.fakes.cloud_run import EVERYBODY, INVOKER, SERVICE, OwnCloudRun, own_cloud_run


async def read_all(cloud_run: OwnCloudRun) -> OwnService:
    return await read_caller_check(urlsplit(cloud_run.url).netloc, cloud_run.url, SERVICE)


async def read(cloud_run: OwnCloudRun) -> bool:
    return (await read_all(cloud_run)).is_checked


@pytest.fixture
async def cloud_run():
    async with own_cloud_run() as found:
        yield found


async def test_a_service_with_its_check_is_checked(cloud_run):
    """Four requests: where it is, as whom it runs, its state and its policy."""
    assert await read(cloud_run)
    assert sorted(cloud_run.asked) == sorted(cloud_run.answers)
    cloud_run.put(cloud_run.policy, {"etag": "ACAB"})
    assert await read(cloud_run)


OPEN = {
    "allow public access": ("state", {"invokerIamDisabled": True}),
    "allUsers may call": ("policy", {"bindings": [INVOKER, EVERYBODY]}),
}


@pytest.mark.parametrize(("what", "content"), OPEN.values(), ids=OPEN)
async def test_a_service_that_is_open_is_not_checked(cloud_run, what, content):
    """Both ways to open one: the switch, and the role."""
    cloud_run.put(getattr(cloud_run, what), content)
    assert not await read(cloud_run)


async def test_its_urls_are_those_that_cloud_run_names(cloud_run):
    """One has the project's number, the other a hash; without any, it has none."""
    assert (await read_all(cloud_run)).urls == ()
    urls = ["https://landfall-api-1.europe-west1.run.app", "https://landfall-api-x1-ew.a.run.app"]
    cloud_run.put(cloud_run.state, {"urls": urls})
    assert (await read_all(cloud_run)).urls == tuple(urls)


UNREADABLE = {
    "no permission": ("state", {}, 403),
    "no permission for the policy": ("policy", {}, 403),
    "gone": ("state", {}, 404),
    "an outage": ("policy", {}, 503),
    "a list": ("state", [], 200),
    "bindings of another kind": ("policy", {"bindings": ["allUsers"]}, 200),
}


@pytest.mark.parametrize(("what", "content", "status"), UNREADABLE.values(), ids=UNREADABLE)
async def test_a_state_that_cannot_be_read_is_an_error(cloud_run, what, content, status):
    """It is neither on nor off."""
    cloud_run.put(getattr(cloud_run, what), content, status)
    with pytest.raises(OwnServiceError, match="the state of"):
        await read(cloud_run)


async def test_outside_cloud_run_nothing_is_known():
    """Nobody listens where the metadata server would be."""
    with pytest.raises(OwnServiceError):
        await read_caller_check(f"127.0.0.1:{free_port()}", "http://127.0.0.1:9", SERVICE)


async def test_a_metadata_server_that_is_silent_is_an_error_at_the_deadline(cloud_run, monkeypatch):
    """The request that waits for it is answered in time."""
    monkeypatch.setattr("landfall.entry.own_service.LADDER", replace(LADDER, connect=0.3))
    token = cloud_run.metadata[1]
    silent = replace(cloud_run.answers[token], fault=Fault(FaultKind.SILENT))
    cloud_run.answers[token] = silent
    with pytest.raises(OwnServiceError):
        await asyncio.wait_for(read(cloud_run), 3)


class Told:
    """What reading finds: on, off, or an error; and how often it was read."""

    def __init__(self, answer: bool | None = True) -> None:
        self.answer = answer
        self.reads = 0

    async def __call__(self) -> OwnService:
        self.reads += 1
        await asyncio.sleep(0)
        if self.answer is None:
            raise OwnServiceError("no answer")
        return OwnService(self.answer)


@pytest.fixture
def wait(monkeypatch):
    """Move the clock of the loop on by some seconds."""

    def moved(seconds: float) -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda now=loop.time: now() + seconds)

    return moved


async def test_it_is_read_once_while_it_lasts(wait):
    """Twenty requests at a cold start read it once; one after `READ_EVERY` reads it again."""
    told = Told()
    check = CallerCheck(told)
    assert all(await asyncio.gather(*(check.is_on() for _ in range(20))))
    assert told.reads == 1
    wait(READ_EVERY + 1)
    assert await check.is_on()
    assert told.reads == 2


async def test_a_check_that_is_off_is_on_again_soon(wait):
    """Whoever closes the door again does not wait for minutes."""
    told = Told(answer=False)
    check = CallerCheck(told)
    assert not await check.is_on()
    told.answer = True
    assert not await check.is_on()
    wait(READ_AGAIN + 1)
    assert await check.is_on()


async def test_an_outage_of_the_api_closes_nothing_for_a_while(wait):
    """What was on is believed for `BELIEVED` seconds, and read again and again meanwhile."""
    told = Told()
    check = CallerCheck(told)
    assert await check.is_on()
    told.answer = None
    wait(READ_EVERY + 1)
    assert await check.is_on()
    assert await check.is_on()
    assert told.reads == 2
    wait(BELIEVED)
    with pytest.raises(OwnServiceError):
        await check.is_on()


async def test_what_was_never_read_is_not_believed():
    """Nor is one that was off."""
    told = Told(answer=None)
    check = CallerCheck(told)
    for _ in range(2):
        with pytest.raises(OwnServiceError):
            await check.is_on()
    assert told.reads == 2


async def test_what_was_off_is_not_believed_through_an_outage(wait):
    """It is an error, until it is read."""
    told = Told(answer=False)
    check = CallerCheck(told)
    assert not await check.is_on()
    told.answer = None
    wait(READ_AGAIN + 1)
    with pytest.raises(OwnServiceError):
        await check.is_on()
