"""The registry of scans and schedules, as they are stored.

scans/{scan_id}                       the current version, and the size that its last run counted
scans/{scan_id}/versions/{version}    a definition that runs were made from, which never changes;
                                      with the text in which it was last saved
scans/{scan_id}/saves/{place}         the last saves (`saves`)
schedules/{scan_id}                   its cadence and policies, and when it is due next

Definitions and pydantic, which checks them, take 60 ms of a cold start, so they are imported when
one is read or saved.
"""

import json
import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from landfall.kinds.saves import (
    ANY,
    NONE,
    ScanChangedError,
    changed_settings,
    content_of,
    count_of,
    save_of,
    save_write,
    saves_of,
    tag_of,
    taken,
)
from landfall.process.aside import SHORT, aside
from landfall.reasons import BadRequestError, NotFoundError
from landfall.runs.commit import Clock
from landfall.runs.deletion import check_not_deleting, deletion_path
from landfall.scans.stored_schedule import StoredSchedule, paused_by_person
from landfall.store.conflicts import until_committed
from landfall.store.documents import Create, Document, Fields, Store, UnreadableError, Update, Write
from landfall.store.shape import fitting, repaired

if TYPE_CHECKING:
    from landfall.scans.scan import Scan
    from landfall.scans.schedule import Schedule

MAX_SAVE_TRIES = 5
"""Attempts to save a scan while others save it at the same moment."""


class ScanNotFoundError(NotFoundError):
    """There is no scan of this id."""


_FIX = "save the scan again"


@dataclass(frozen=True)
class _Version:
    """The fields of a version that are read; an older Landfall stored no text."""

    definition: str
    written: bytes | None = None


@dataclass(frozen=True)
class Registry:
    """Saves definitions, and reads them."""

    store: Store
    clock: Clock

    async def save(
        self, scan: "Scan", by: str, text: str | None = None, match: str | None = None
    ) -> Fields:
        """Store the scan with its schedule, and its text in YAML, in one commit.

        `match` is the tag that the scan must still have. Return the scan's document, its tag, and
        when the schedule is due next. Raises `ScanChangedError`.
        """
        version = scan.version()
        return await until_committed(
            partial(self._save, scan, version, by, text, match),
            tries=MAX_SAVE_TRIES,
            what=f"scan {scan.id}",
        )

    async def _save(
        self, scan: "Scan", version_id: str, by: str, text: str | None, match: str | None
    ) -> Fields:
        version_path = f"scans/{scan.id}/versions/{version_id}"
        head, version, schedule, deletion = await self.store.read(
            f"scans/{scan.id}", version_path, f"schedules/{scan.id}", deletion_path(scan.id)
        )
        check_not_deleting(deletion)
        if match is not None:
            await self._check_match(scan, head, match)
        now = self.clock()
        stamp = {"updated_at": now, "updated_by": by}
        number = (count_of(head) if head else 0) + 1
        fields = _head_fields(scan, version_id) | stamp | {"saves": number}
        written = zlib.compress(text.encode()) if text else None
        writes = [_written(f"scans/{scan.id}", head, fields, {"created_at": now})]
        kept = {"definition": scan.unscheduled().text(), "written": written}
        if version is None:
            writes.append(Create(version_path, kept | stamp))
        elif any(version.data.get(name) != value for name, value in kept.items()):
            # other comments, or another schedule; a definition that somebody has edited is repaired
            writes.append(Update(version_path, kept | stamp, version.version))
        writes.append(save_write(scan.id, number, version_id, text or scan.text(), stamp))
        repairs = repaired(StoredSchedule, schedule.data, now) if schedule else {}
        known = schedule and replace(schedule, data=schedule.data | repairs)
        planned = repairs | _schedule_fields(scan, now, known) | stamp
        if scan.schedule or schedule:
            start = {
                "created_at": now,
                "runs_started": 0,
                "last_slot": None,
                "skipped": 0,
                "open_runs": [],
            }
            writes.append(_written(f"schedules/{scan.id}", schedule, planned, start))
        await self.store.commit(writes)
        saved = (head.data if head else {"created_at": now}) | fields
        etag = f"{number}-{version_id}"
        return saved | {"next_run_at": planned["next_run_at"], "etag": etag}

    async def _check_match(self, scan: "Scan", head: Document | None, match: str) -> None:
        """Raise `ScanChangedError` unless the scan is still as an editor has read it."""
        if head is None:
            if match == NONE:
                return
            raise ScanChangedError(f"there is no scan {scan.id!r} any more; save it as a new one")
        if match in (ANY, tag_of(head)):
            return
        if match == NONE:
            raise taken(scan.id)
        changed = await self._changed_since(head, match)
        newest = (await saves_of(self.store, head))[0]
        raise ScanChangedError(
            f"scan {scan.id} was saved by {newest.by} at {newest.at:%Y-%m-%d %H:%M} UTC, after you "
            f"had read it{changed}; read it again, and save your changes to that"
        )

    async def _changed_since(self, head: Document, match: str) -> str:
        """Return which settings differ from those of an earlier tag, as far as it is known."""
        try:
            old = await save_of(self.store, head, match.partition("-")[0])
            new = await save_of(self.store, head, str(count_of(head)))
            contents = [content_of(one.text) for one in (old, new)]
        except (NotFoundError, UnreadableError):
            return ""
        return f" (changed: {changed_settings(*contents) or 'comments'})"

    async def definition(self, scan_id: str, version: str) -> "Scan":
        """Return the definition that a run was made from.

        Raises `ScanNotFoundError`, `UnreadableError`.
        """
        from landfall.kinds.definition import DefinitionError, parse

        found = await self._version(scan_id, version)
        text = found.data["definition"]

        def read() -> "Scan":
            try:
                content = json.loads(text)
                if not isinstance(content, dict):
                    raise ValueError("it is no object in JSON")
                return parse(content, found.path, accepted=True)
            except (ValueError, DefinitionError) as error:
                raise UnreadableError(f"{found.path} cannot be read: {error}; {_FIX}") from None

        return read() if len(text) <= SHORT else await aside(read)

    async def text(self, scan_id: str, version: str, schedule: Document | None) -> str:
        """Return a definition in YAML as it was written, with its comments.

        One whose text is not stored is written anew: it was JSON, or an older Landfall has saved
        it. Raises `ScanNotFoundError`, and `BadRequestError` for what is too long for YAML.
        """
        from landfall.scans.schedule import Schedule
        from landfall.scans.yaml_text import MAX_YAML, write_yaml

        found = await self._version(scan_id, version)
        if written := found.data.get("written"):
            return zlib.decompress(written).decode()
        if len(found.data["definition"]) > MAX_YAML:
            raise BadRequestError(
                f"the definition is longer than {MAX_YAML:,} characters, and YAML of that size "
                "cannot be saved again; ask for `format=json`"
            )
        content = json.loads(found.data["definition"])
        if schedule and (schedule.data["next_run_at"] or schedule.data["paused"]):
            stored = {name: schedule.data.get(name) for name in Schedule.model_fields}
            stored["paused"] = schedule.data["paused"] and not paused_by_person(schedule)
            given = Schedule.model_validate({k: v for k, v in stored.items() if v is not None})
            content["schedule"] = given.model_dump(mode="json", exclude_none=True)
        return await aside(lambda: write_yaml(content))

    async def _version(self, scan_id: str, version: str) -> Document:
        (found,) = await self.store.read(f"scans/{scan_id}/versions/{version}")
        if found is None:
            raise ScanNotFoundError(f"scan {scan_id} has no version {version}")
        fitting(_Version, found.path, found.data, _FIX)
        return found

    async def head(self, scan_id: str) -> Document:
        """Return the document of the scan's current version. Raises `ScanNotFoundError`."""
        (found,) = await self.store.read(f"scans/{scan_id}")
        if found is None:
            raise ScanNotFoundError(
                f"there is no scan {scan_id!r}: it was not saved yet, or has been deleted"
            )
        return found


def _written(path: str, found: Document | None, fields: Fields, first: Fields) -> Write:
    return Update(path, fields, found.version) if found else Create(path, fields | first)


def _head_fields(scan: "Scan", version: str) -> Fields:
    notify: Fields | None = None
    if scan.notify:
        notify = {"scan_name": scan.name, "to": [one.row() for one in scan.notify]}
    return scan.heading() | {
        "deadline_seconds": scan.limits.deadline_seconds,
        "notify": notify,
        "version": version,
    }


_WHEN = ("cadence", "time_zone")


def _schedule_fields(scan: "Scan", now: datetime, before: Document | None) -> Fields:
    from landfall.scans.schedule import Schedule

    if scan.schedule is None:
        return {"next_run_at": None, "cadence": None, "paused": False, "pause": None}
    fields = {name: None for name in Schedule.model_fields} | scan.schedule.model_dump(
        mode="json", exclude_none=True
    )
    if before and paused_by_person(before):
        if scan.schedule.paused:  # its definition says so itself from now on
            fields["pause"] = None
        fields["paused"] = True
    return fields | {
        "scan_id": scan.id,
        "next_run_at": None
        if fields["paused"]
        else next_run_at(scan.schedule, now, before, fields),
        "stop_at": scan.schedule.stop_at,
        "problem": None,
    }


def next_run_at(
    schedule: "Schedule", now: datetime, before: Document | None, fields: Fields
) -> datetime | None:
    """Return the next slot that becomes a run; None where there is none, as while it is paused."""
    from landfall.scans.slots import slots_ahead

    stored: Fields = before.data if before else {"runs_started": 0, "next_run_at": None}
    over = schedule.max_runs is not None and stored["runs_started"] >= schedule.max_runs
    if schedule.paused or over:
        return None
    due: datetime | None = stored["next_run_at"]
    unchanged = before and all(stored.get(name) == fields[name] for name in _WHEN)
    if due and not stored["paused"] and (unchanged or due <= now):
        # saving a scan must not lose a slot that is due and not claimed yet
        return due if schedule.stop_at is None or due <= schedule.stop_at else None
    return next(slots_ahead(schedule, now), None)
