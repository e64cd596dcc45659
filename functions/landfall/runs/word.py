"""The decision about what a run that ends has to say, and to whom. Pure.

A run has from its start what its scan wishes to tell (`notify`), and from its kind the news for
each channel (`report.news`). What a channel has heard of a scan is a document of its own: so the
same failure is sent once, however often the scan runs, and a verdict is worse than the last one
that it was about.

    scans/{scan_id}/heard/{channel}    the last certain verdict, and the present trouble
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.deadlines import Ladder
from landfall.runs import outbox
from landfall.runs.lifecycle import RunStatus
from landfall.runs.tasks import MessageTask
from landfall.store.documents import Create, Document, Fields, Update, Write
from landfall.store.versioned import Found

VERDICTS = ("healthy", "warning", "critical")
"""The certain verdicts, the mildest first."""

FOUND = ("new", "reopened", "worse", "mended")
"""The events of findings."""

MAX_REASONS = 3
"""Parts that were not evaluated, which a message names."""

MAX_WHY = 300
"""Characters of each reason in a message."""

CUT_SHORT = (RunStatus.ERROR, RunStatus.TIMED_OUT)


@dataclass(frozen=True)
class Heard:
    """A channel's knowledge of a scan. `trouble` stands for the reason of failed or inconclusive
    runs since the last good one."""

    verdict: str | None = None
    trouble: str | None = None

    @classmethod
    def load(cls, found: Found | None) -> "Heard":
        """Read the document; one that is not there, or cannot be read, has heard nothing."""
        if not isinstance(found, Document):
            return cls()
        verdict, trouble = (found.data.get(name) for name in ("verdict", "trouble"))
        return cls(
            verdict if verdict in VERDICTS else None, trouble if isinstance(trouble, str) else None
        )


def heard_path(scan_id: str, channel: str) -> str:
    """Return the path of what a channel has heard of a scan."""
    return f"scans/{scan_id}/heard/{channel}"


def rows_of(run: Fields) -> list[Fields]:
    """Return what a run's scan wishes to tell, a row for each channel."""
    notify = run.get("notify")
    return list(notify["to"]) if isinstance(notify, Mapping) else []


def word_of(
    run_id: str, run: Fields, heard: Mapping[str, Found | None], now: datetime, ladder: Ladder
) -> list[Write]:
    """Return the writes of a run that ends: its messages, and what their channels have then heard.

    `run` are its fields after its end, `heard` the documents by channel. Nothing is written where
    nothing has changed.
    """
    if run["status"] == RunStatus.CANCELLED:
        return []
    writes: list[Write] = []
    for row in rows_of(run):
        channel, when = row["channel"], row["when"]
        found = heard.get(channel)
        before = Heard.load(found)
        content, after = _word_for(run, channel, when, before)
        if content is not None:
            writes.append(outbox.written(run_id, run["scan_id"], channel, content, now, ladder))
        fields: Fields = {"verdict": after.verdict, "trouble": after.trouble, "run_id": run_id}
        if found is None:
            writes.append(Create(heard_path(run["scan_id"], channel), fields))
        elif isinstance(found, Document) and after != before:
            writes.append(Update(found.path, fields, found.version))
    return writes


def tasks_of(writes: Sequence[Write]) -> list[MessageTask]:
    """Return the tasks that send the messages among these writes, once they are committed."""
    return [
        MessageTask.of(write.path.rpartition("/")[2], 0, 1, write.data["next_attempt_at"])
        for write in writes
        if isinstance(write, Create) and write.path.startswith("outbox/")
    ]


def _word_for(
    run: Fields, channel: str, when: Sequence[str], before: Heard
) -> tuple[Fields | None, Heard]:
    """Return the content of a message, or None, and what the channel has heard after this run."""
    events: list[str] = []
    verdict, trouble = run.get("verdict"), _trouble(run)
    done = run["status"] == RunStatus.DONE
    certain = verdict in VERDICTS
    first = done and certain and before.verdict is None and not {*FOUND}.isdisjoint(when)
    news = _news(run, channel)
    if trouble and trouble != before.trouble:
        events.append("inconclusive" if done else "failed")
    if first:
        events += ["first"]
    elif done and before.verdict is not None:
        events += [event for event in FOUND if sum(news.get(event, {}).values())]
        rank = VERDICTS.index(verdict) if verdict in VERDICTS else -1
        if rank > VERDICTS.index(before.verdict) and "worse" not in events:
            events.append("worse")
        if before.trouble and not trouble and "mended" not in events:
            events.append("mended")
    after = Heard(verdict if done and certain else before.verdict, trouble)
    wanted = [event for event in events if event in when or event == "first"]
    return (_content(run, wanted, before, news) if wanted else None), after


def _trouble(run: Fields) -> str | None:
    """Return what stands for the reason of a run that failed, or did not evaluate everything."""
    if run["status"] in CUT_SHORT:
        return f"failed: {(run.get('error') or {}).get('reason')}"
    lacking = run.get("inconclusive") or ()
    if not lacking and run.get("verdict") != "inconclusive":
        return None
    names = sorted(str(one.get("rule_id") or one.get("what") or "") for one in lacking)
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:12]
    return f"inconclusive: {len(names)} {digest}"


def _news(run: Fields, channel: str) -> Fields:
    report = run.get("report") or {}
    return next((one for one in report.get("news") or () if one["channel"] == channel), {})


def _content(run: Fields, events: Sequence[str], before: Heard, news: Fields) -> Fields:
    error, lacking = run.get("error"), run.get("inconclusive") or ()
    shown: Any = [
        {
            "what": str(one.get("rule_id") or one.get("what") or "")[:MAX_WHY],
            "why": str(one.get("why") or "")[:MAX_WHY],
        }
        for one in lacking[:MAX_REASONS]
    ]
    return {
        "events": list(events),
        "scan_name": run["notify"].get("scan_name") or run["scan_id"],
        "kind": run["kind"],
        "status": str(run["status"]),
        "verdict": run.get("verdict"),
        "verdict_before": before.verdict,
        "numbers": {name: dict(news[name]) for name in (*FOUND, "open") if news.get(name)},
        "findings": list(news.get("findings") or ()),
        "more": news.get("more", 0),
        "error": {"reason": error["reason"], "message": error["message"][:MAX_WHY]}
        if error
        else None,
        "not_evaluated": shown,
        "not_evaluated_count": len(lacking),
    }
