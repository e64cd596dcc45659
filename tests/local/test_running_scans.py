"""Scans that are run on a local stack: what is said where one cannot be."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from infra.local.errors import RunFailedError
from infra.local.runner import save_scan
from tests.fakes.world import a_scan


def a_stack(status: int, said: str) -> Any:
    """A stack whose api answers so, and has logged a traceback."""

    async def call(*_: object) -> httpx.Response:
        return httpx.Response(status, text=said)

    api = SimpleNamespace(log_end=lambda: "Traceback: KeyError")
    return SimpleNamespace(call=call, sites={}, processes={"api": api})


async def test_a_bug_is_shown_with_its_traceback() -> None:
    """The log is gone with the stack; what a person has to correct needs none."""
    with pytest.raises(RunFailedError) as failed:
        await save_scan(a_stack(500, "its log has the traceback"), a_scan())
    assert str(failed.value) == (
        "scan people could not be saved: its log has the traceback\n"
        "The end of the log of api:\nTraceback: KeyError"
    )
    with pytest.raises(RunFailedError) as refused:
        await save_scan(a_stack(400, "`rules` is missing"), a_scan())
    assert str(refused.value) == "scan people could not be saved: `rules` is missing"
