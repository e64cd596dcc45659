"""Bugs that we plant in the pause and in the deletion of a scan."""

import contextlib
from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from landfall.kinds import pausing, registry
from landfall.runs import deletion
from landfall.runs.deletion import Deletion
from landfall.store.documents import Delete, Put
from landfall.store.versioned import VersionedStore
from landfall.ticks import scheduler
from tests.simulation.mutants import Planted


def pause_overtakes_a_claim() -> Planted:
    """A schedule is paused as it was read, whatever has been claimed since."""
    commit = VersionedStore.commit

    async def blind(self: VersionedStore, writes: Any) -> Any:
        if len(writes) == 1 and writes[0].data.get("paused") is True:
            (now,) = await self.read(writes[0].path)
            assert now is not None
            writes = [Put(now.path, now.data | writes[0].data)]
        return await commit(self, writes)

    return patch.object(VersionedStore, "commit", blind)


def paused_slot_is_claimed() -> Planted:
    """A slot that was found due is claimed, whatever the schedule has become since."""
    commit = scheduler.Scheduler._commit

    async def alone(self: Any, claims: Any) -> None:
        for claim in claims:
            await self._guarded(claim.schedule_id, lambda claim=claim: self._claim_alone(claim))

    async def blind(self: Any, claim: Any, creations: Any) -> Any:
        (now,) = await self._store.read(claim(0).path)
        if now is None:
            return []
        return await commit(self, lambda n: replace(claim(n), version=now.version), creations)

    stack = contextlib.ExitStack()
    stack.enter_context(patch.object(scheduler.Scheduler, "_claim_together", alone))
    stack.enter_context(patch.object(scheduler.Scheduler, "_commit", blind))
    return stack


def resumed_slots_are_made_up() -> Planted:
    """A schedule goes on with the first slot that its pause has skipped."""

    def first(_: Any, __: Any, schedule: Any, ___: Any) -> Any:
        return schedule.data["pause"]["first"]

    return patch.object(pausing, "next_run_at", first)


def resumed_without_a_next_slot() -> Planted:
    """A schedule is resumed, and nobody looks for its next slot."""
    return patch.object(pausing, "next_run_at", lambda *_: None)


def saved_is_resumed() -> Planted:
    """The definition says nothing of a pause, so that a save ends it."""
    return patch.object(registry, "paused_by_person", lambda _: False)


def slots_counted_from_the_pause() -> Planted:
    """Skipped slots are counted from the moment of the pause, without one that was due before."""
    count = pausing.skipped_slots

    def later(spec: Any, schedule: Any, now: Any) -> int:
        pause = schedule.data["pause"]
        late = pause | {"first": pause["first"] and max(pause["first"], pause["at"])}
        return count(spec, replace(schedule, data=schedule.data | {"pause": late}), now)

    return patch.object(pausing, "skipped_slots", later)


def deletion_leaves_what_is_beneath() -> Planted:
    """A document goes, and those beneath it stay."""

    async def itself_alone(_: Any, path: str, found: list[str], *, itself: bool = True) -> bool:
        if itself:
            found.append(path)
        return len(found) < deletion.BATCH

    return patch.object(Deletion, "_add", itself_alone)


def deletion_leaves_findings() -> Planted:
    """Of the collections that name a scan, one is forgotten."""
    return patch.object(deletion, "OF_A_SCAN", ("runs",))


def deletion_leaves_live_runs() -> Planted:
    """Runs that are on their way are removed as they are."""

    async def none(*_: Any) -> None:
        return None

    return patch.object(Deletion, "_cancel_runs", none)


def deletion_leaves_the_schedule() -> Planted:
    """A deletion is noted, and the definition and the schedule stay until their turn comes."""
    commit = VersionedStore.commit

    async def noted(self: VersionedStore, writes: Any) -> Any:
        begins = any(write.data.get("requested_by") for write in writes)
        kept = [one for one in writes if not (begins and isinstance(one, Delete))]
        return await commit(self, kept)

    return patch.object(VersionedStore, "commit", noted)


def deletion_is_done_at_once() -> Planted:
    """Nobody waits for a request that had read the definition before."""
    remove = Deletion._remove

    async def hasty(self: Deletion, paths: Any) -> None:
        runs, late = copy(self._runs), timedelta(seconds=self._runs.ladder.stale)
        runs.clock = lambda: self._runs.clock() + late
        await remove(Deletion(runs, self._scan_id, self._by), paths)

    return patch.object(Deletion, "_remove", hasty)


SWITCH_MUTANTS = (
    pause_overtakes_a_claim,
    paused_slot_is_claimed,
    resumed_slots_are_made_up,
    resumed_without_a_next_slot,
    saved_is_resumed,
    slots_counted_from_the_pause,
    deletion_leaves_what_is_beneath,
    deletion_leaves_findings,
    deletion_leaves_live_runs,
    deletion_leaves_the_schedule,
    deletion_is_done_at_once,
)
