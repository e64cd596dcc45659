"""People who go on with their work meanwhile: they edit records, describe elements anew and say
what they are, and write news on the pages of their sites. So every run has something new to find or
to ask about."""

import asyncio
from collections.abc import Mapping
from random import Random

import httpx

from infra.local.airtable.server import LocalAirtable
from infra.local.stack import Stack
from landfall.store.documents import Fields
from tests.chaos.workload import ElementsLoad, Load, SiteLoad, Workload, copied
from tests.simulation.base import PUPILS
from tests.simulation.elements import TABLE

WRITING = 0.4
"""Seconds between two things of each kind that they write."""

REVIEWING = 5.0
"""Seconds between two suggestions that they confirm."""


class People:
    """They work until they are cancelled. `said` has what they were told that is kept."""

    def __init__(self, stack: Stack, workload: Workload, seed: int) -> None:
        self._stack = stack
        self._workload = workload
        self._random = Random(f"{seed}:people")
        self.said: dict[tuple[str, str], list[Fields]] = {}

    @property
    def _airtable(self) -> LocalAirtable:
        assert self._stack.airtable is not None
        return self._stack.airtable

    async def work(self) -> None:
        """Some write, others review; one thing after the other."""
        await asyncio.gather(self._write(), self._review())

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(WRITING)
            self._edit(self._random.choice(self._workload.integrity))
            self._describe(self._random.choice(self._workload.classification))
            self._write_news(self._random.choice(self._workload.site))

    async def _review(self) -> None:
        while True:
            await asyncio.sleep(REVIEWING)
            await self._confirm(self._random.choice(self._workload.classification))

    def _edit(self, load: Load) -> None:
        self._airtable.put(load.scan.base, PUPILS, copied(load.base.edit(self._random)))

    def _describe(self, load: ElementsLoad) -> None:
        described = load.table.describe(self._random)
        (there,) = (
            record
            for record in self._airtable.records(load.scan.base, TABLE)
            if record["id"] == described["id"]
        )
        fields = {**there["fields"], **described["fields"]}
        self._airtable.put(load.scan.base, TABLE, {**there, "fields": fields})

    def _write_news(self, load: SiteLoad) -> None:
        path = load.site.change(self._random)
        self._stack.sites[load.scan.url].pages[path] = load.served(path)

    async def _confirm(self, load: ElementsLoad) -> None:
        """What they are not told is kept, or is not, they do not count on."""
        path = f"/scans/{load.scan.id}/elements"
        try:
            answer = await self._stack.call("GET", f"{path}?state=suggested")
            suggested = answer.json()["elements"] if answer.status_code == 200 else []
            if not suggested:
                return
            one = self._random.choice(suggested)
            body = {"suggestion_id": one["suggestion"]["suggestion_id"]}
            answer = await self._stack.call("POST", f"{path}/{one['record_id']}/confirm", body)
        except httpx.HTTPError:
            return
        if answer.status_code == 200:
            self._heard(load, answer.json())

    def _heard(self, load: ElementsLoad, element: Mapping[str, Fields]) -> None:
        self.said[load.scan.id, str(element["record_id"])] = [element["values"]]
