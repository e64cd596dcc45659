"""The deletion of a scan, with all that belongs to it: runs, findings, decisions, elements, saves.

    begin: the definition and the schedule go, and the deletion is noted, in one commit
    go_on: live runs are cancelled, then documents go, children first, so many in a commit
    done:  nothing is left, and every request that had read the definition before has ended

Nothing new starts once it has begun, and nothing is remembered but the counts: each step looks for
what is left. So it can be interrupted anywhere and repeated by anybody: by the caller, who sees the
progress, and by the watchdog, once a minute.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import groupby

from landfall import logs
from landfall.deadlines import Deadline
from landfall.reasons import LandfallError, NotFoundError, Reason
from landfall.runs.backlog import Backlog
from landfall.runs.commit import RunNotFoundError
from landfall.runs.lifecycle import RUN_LIVE, RunStatus
from landfall.runs.runs import Runs
from landfall.store.conflicts import until_committed
from landfall.store.documents import (
    Delete,
    Document,
    Fields,
    Put,
    Query,
    SchemaError,
    Update,
    Write,
)
from landfall.store.versions import DOCUMENT_KINDS

BATCH = 200
"""Documents that go in one commit."""

LIVE_RUNS = 50
"""Live runs of one query."""

MAX_TRIES = 5
"""Attempts to begin while others save the scan, or to count while others delete it, too."""

REMEMBERED = timedelta(days=30)
"""Time for which a deletion that is done can be looked at."""

OF_A_SCAN = ("runs", "findings", "outbox")
"""Collections whose documents name their scan; all others of a scan are beneath it."""


class BeingDeletedError(LandfallError):
    """A scan of this id is being deleted."""

    status = 409
    code = "being_deleted"


def deletion_path(scan_id: str) -> str:
    """Return the path of the deletion of a scan."""
    return f"deletions/{scan_id}"


def check_not_deleting(deletion: Document | None) -> None:
    """Raise `BeingDeletedError` where a deletion is not done."""
    if deletion and not deletion.data["done"]:
        raise BeingDeletedError(
            f"scan {deletion.id} is being deleted, which takes a minute or more; save it under "
            "another `id`, or when that is done"
        )


class Deletion:
    """The deletion of one scan, by a person or by the watchdog."""

    def __init__(self, runs: Runs, scan_id: str, by: str) -> None:
        self._runs = runs
        self._store = runs.store
        self._scan_id = scan_id
        self._by = by

    async def begin(self) -> None:
        """Remove the definition and the schedule; nothing, where that has been done.

        Raises `NotFoundError` where there is no such scan, and none that was deleted.
        """
        await until_committed(self._begin, tries=MAX_TRIES, what=f"scan {self._scan_id}")

    async def _begin(self) -> None:
        path = deletion_path(self._scan_id)
        head, schedule, deletion = await self._store.read(*self._heads, path)
        if head is None:
            if deletion is None:
                raise NotFoundError(f"there is no scan {self._scan_id!r}")
            return
        now = self._runs.clock()
        fields: Fields = {
            "done": False,
            "requested_by": self._by,
            "requested_at": now,
            "finished_at": None,
            "deleted": {},
        }
        writes: list[Write] = [Delete(head.path, head.version)]
        if schedule:
            writes.append(Delete(schedule.path, schedule.version))
        counted = {"deleted": {"scans": 1, **({"schedules": 1} if schedule else {})}}
        await self._store.commit([*writes, Put(path, fields | counted | self._stamp())])

    async def go_on(self, deadline: Deadline) -> None:
        """Remove what is left, until nothing is or until the deadline. Raises `StoreError`."""
        await self._cancel_runs(deadline)
        while deadline.remaining() > 0:
            paths = await self._some()
            await until_committed(
                partial(self._remove, paths), tries=MAX_TRIES, what=deletion_path(self._scan_id)
            )
            if not paths:
                return

    async def show(self) -> Fields:
        """Return how far it is. Raises `NotFoundError`."""
        (found,) = await self._store.read(deletion_path(self._scan_id))
        if found is None:
            raise NotFoundError(
                f"there is no scan {self._scan_id!r} that is being deleted, or was lately"
            )
        return {"scan_id": self._scan_id} | found.data

    @property
    def _heads(self) -> Sequence[str]:
        return f"scans/{self._scan_id}", f"schedules/{self._scan_id}"

    async def _cancel_runs(self, deadline: Deadline) -> None:
        live = (("scan_id", "==", self._scan_id), ("status", "in", sorted(RUN_LIVE)))
        error = {"reason": Reason.CANCELLED, "message": f"its scan was deleted by {self._by}"}
        backlog = Backlog(
            lambda limit: self._store.find_any(
                Query("runs", where=live, limit=limit, fields=("status",))
            ),
            LIVE_RUNS,
        )
        while backlog.more and deadline.remaining() > 0:
            for run in await backlog.next_page():
                try:
                    await self._runs.end(run.id, RunStatus.CANCELLED, error, self._by)
                except (SchemaError, RunNotFoundError) as why:
                    # a newer Landfall has written it, or another call has removed it
                    logs.warning("not cancelled", run_id=run.id, why=str(why))

    async def _remove(self, paths: Sequence[str]) -> None:
        """Remove these documents and count them; note the end where there are none."""
        (deletion,) = await self._store.read(deletion_path(self._scan_id))
        if deletion is None or deletion.data["done"]:
            return
        now, fields = self._runs.clock(), self._stamp()
        if paths:
            kinds = groupby(sorted(path.split("/")[-2] for path in paths))
            counts = {kind: len(list(some)) for kind, some in kinds}
            before = deletion.data["deleted"]
            fields["deleted"] = before | {k: before.get(k, 0) + n for k, n in counts.items()}
        elif now < deletion.data["requested_at"] + timedelta(seconds=self._runs.ladder.stale):
            return  # a request that had read the definition may still start a run
        else:
            fields |= {"done": True, "finished_at": now, "expires_at": now + REMEMBERED}
        gone = [Delete(path) for path in paths]
        await self._store.commit([*gone, Update(deletion.path, fields, deletion.version)])

    async def _some(self) -> list[str]:
        """Return up to `BATCH` documents that are left, each behind those beneath it."""
        found: list[str] = []
        for collection in OF_A_SCAN:
            where = (("scan_id", "==", self._scan_id),)
            for path in await self._store.paths(Query(collection, where=where, limit=BATCH)):
                if not await self._add(path, found):
                    return found
        there = await self._store.read_any(*self._heads)
        for path, head in zip(self._heads, there, strict=True):
            if not await self._add(path, found, itself=head is not None):
                return found
        return found

    async def _add(self, path: str, found: list[str], *, itself: bool = True) -> bool:
        """Add a document behind those beneath it; return False as soon as there are enough."""
        kind = "/".join(path.split("/")[::2])
        for child in DOCUMENT_KINDS:
            parent, _, name = child.rpartition("/")
            if parent != kind:
                continue
            beneath = Query(f"{path}/{name}", limit=BATCH - len(found))
            for one in await self._store.paths(beneath):
                if not await self._add(one, found):
                    return False
        if itself:
            found.append(path)
        return len(found) < BATCH

    def _stamp(self) -> Fields:
        return {"updated_at": self._runs.clock(), "updated_by": self._by}
