"""The state of a scan, and what has to be corrected first, from its newest runs. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from landfall.deadlines import TICK_MISSING
from landfall.reasons import REASONS, WHAT_TO_DO, Reason
from landfall.runs.lifecycle import RUN_LIVE, RunStatus
from landfall.store.documents import Fields

FAILED = (RunStatus.ERROR, RunStatus.TIMED_OUT)

LOUD = ("missed", "error", "timed_out", "critical", "inconclusive", "unreadable")
"""States of a scan that need a person, the first ones first."""

SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Standing:
    """The state of a scan by its name, since when it is so, and the runs that say so.

    `since` is the first of the runs in a row that ended in this state; `earlier` means that the
    runs before it are not known, so that it may have begun earlier.
    """

    scan: Fields
    state: str
    since: datetime | None
    earlier: bool
    moving: Fields | None
    ended: Fields | None
    telling: Fields | None
    """The last run that a person did not end: it decides the state."""
    judged: Fields | None

    @property
    def loud(self) -> bool:
        """Return whether a person is needed."""
        return self.state in LOUD

    @property
    def name(self) -> str:
        """Return the scan's name, or its id."""
        return self.scan.get("name") or str(self.scan["scan_id"])

    def new_since(self, moment: datetime | None) -> int:
        """Return the findings that runs have found anew since a moment, by the runs known here."""
        counts = [
            run["counts"]
            for run in self.scan["runs"]
            if moment and run.get("finished_at") and run["finished_at"] > moment
        ]
        names = ("findings_new", "findings_reopened")
        return sum(one.get(name, 0) for one in counts for name in names)

    @property
    def severities(self) -> Sequence[tuple[str, int]]:
        """Return the open findings of the last result, by severity."""
        counts = self.judged["counts"] if self.judged else {}
        return by_loudness(counts.get("findings_by_severity", {}))

    @property
    def next_run_at(self) -> datetime | None:
        """Return when it is due next; None where no run is planned."""
        schedule = self.scan["schedule"]
        return schedule["next_run_at"] if schedule else None

    @property
    def paused(self) -> bool:
        """Return whether its schedule is paused."""
        return bool(self.scan["schedule"] and self.scan["schedule"].get("paused"))


def by_loudness(counted: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the numbers of findings by severity, the most severe first."""
    return [(name, counted[name]) for name in SEVERITIES if counted.get(name)]


def state_of(run: Fields) -> str:
    """Return the state of a run in one name: its verdict, or its status where it has none."""
    if "problem" in run:
        return "unreadable"
    return str(run["verdict"] if run["status"] == RunStatus.DONE else run["status"])


def standing_of(scan: Fields, now: datetime) -> Standing:
    """Return where a scan stands, from its newest runs, which begin with the newest."""
    runs: Sequence[Fields] = scan["runs"]
    moving = next((run for run in runs if run.get("status") in RUN_LIVE), None)
    ended = [run for run in runs if run.get("status") not in RUN_LIVE]
    # a person's own end of a run says nothing of the scan
    telling = [run for run in ended if run.get("status") != RunStatus.CANCELLED]
    judged = next((run for run in ended if run.get("verdict")), None)
    state, since, earlier = "never", None, False
    if telling:
        state = state_of(telling[0])
        row = [run for run in _while_in(state, telling) if "created_at" in run]
        since = row[-1]["created_at"] if row else None
        earlier = len(row) == len(telling)
    elif ended:
        state = "cancelled"
    if due := missed_since(scan, now):
        state, since, earlier = "missed", due, False
    if "problem" in scan:
        state, since, earlier = "unreadable", None, False
    first_ended, first_telling = (next(iter(some), None) for some in (ended, telling))
    return Standing(scan, state, since, earlier, moving, first_ended, first_telling, judged)


def _while_in(state: str, runs: Sequence[Fields]) -> Iterator[Fields]:
    for run in runs:
        if state_of(run) != state:
            return
        yield run


def missed_since(scan: Fields, now: datetime) -> datetime | None:
    """Return the slot that is due and should have become a run by now."""
    schedule = scan.get("schedule") or {}
    due: datetime | None = schedule.get("next_run_at")
    return due if due and due < now - timedelta(seconds=TICK_MISSING) else None


@dataclass(frozen=True)
class Item:
    """Something to correct: what, in which scan, whose it is, and since when."""

    state: str
    what: str
    fix: str
    path: str
    standing: Standing
    count: int = 0
    owner: str = ""
    since: datetime | None = None


def rank_of(item: Item) -> tuple[int, int]:
    """Return the place of an entry: first the scans that say nothing sure, then the most."""
    order = ("missed", "error", "timed_out", "unreadable", "inconclusive", *SEVERITIES)
    return order.index(item.state), -item.count


def items_of(standing: Standing, result: Mapping[str, Any]) -> Iterator[Item]:
    """Yield what has to be corrected in a scan; `result` is its last run with a verdict."""
    yield from _of_the_scan(standing, result.get("inconclusive") or ())
    if report := result.get("report"):
        scan_path = f"/scans/{standing.scan['scan_id']}"
        for rule in report.get("rules", ()):
            severity = next((name for name in SEVERITIES if rule["by_severity"].get(name)), "info")
            if severity != "info":
                sample = rule["samples"][0]["message"] if rule["samples"] else ""
                yield Item(
                    severity,
                    rule["name"] or sample or rule["rule_id"],
                    f"Table {rule['table']}, rule {rule['rule_id']}",
                    f"{scan_path}?rule={rule['rule_id']}",
                    standing,
                    rule["by_severity"][severity],
                    rule["owner"],
                    rule.get("since") or standing.since,
                )


def _of_the_scan(standing: Standing, unchecked: Sequence[Fields]) -> Iterator[Item]:
    scan, last = standing.scan, standing.telling
    path = f"/scans/{scan['scan_id']}"
    if standing.state == "missed":
        what = "A run was due and has not started"
        fix = "See Health: the heartbeat may be missing."
        yield Item("missed", what, fix, "/health", standing, since=standing.since)
    if standing.state == "unreadable":
        what = scan.get("problem") or "a newer Landfall wrote its last run"
        yield Item("unreadable", what, "Deploy the newer version.", path, standing)
    if problem := (scan.get("schedule") or {}).get("problem"):
        what = f"The schedule cannot be used: {problem}"
        yield Item("error", what, "Correct the schedule and save the scan.", path, standing)
    if last is None or "problem" in last:
        return
    run_path = f"/runs/{last['run_id']}"
    if last["status"] in FAILED and last["error"]:
        error = last["error"]
        what, fix = error["message"], fix_of(error["reason"])
        yield Item(last["status"], what, fix, run_path, standing, since=standing.since)
    if last.get("complete") is False:
        why = without_code(unchecked[0]["why"]) if unchecked else "the run lists what is missing"
        more = f" (and {len(unchecked) - 1:,} more)" if len(unchecked) > 1 else ""
        yield Item(
            "inconclusive",
            "Not everything could be checked",
            f"{why}{more}",
            run_path,
            standing,
            since=standing.since,
        )


def without_code(why: str) -> str:
    """Return why something was not checked without the reason's code that it may begin with."""
    code, _, words = why.partition(": ")
    return words if code in set(Reason) else why


def meaning_of(reason: str) -> str:
    """Return what a reason means; empty for one of another version."""
    return REASONS[Reason(reason)].meaning if reason in set(Reason) else ""


def fix_of(reason: str) -> str:
    """Return what a person can do about a reason."""
    return WHAT_TO_DO[Reason(reason)] if reason in set(Reason) else ""
