"""Tables of how Landfall works: moves, deadlines, reasons, documents, variables, prices."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from infra.cloud.resources import alerts
from infra.cloud.resources.sizes import SIZES
from infra.costs.prices import PRICES, READ_ON, REGION
from landfall.deadlines import CHECKPOINT, LADDER, TICK, TICK_MISSING, Ladder
from landfall.llm import answer_store, budget
from landfall.process.config import ALL_FUNCTIONS, FUNCTIONS, VARIABLES
from landfall.reasons import REASONS, WHAT_TO_DO
from landfall.runs import deletion, outbox
from landfall.runs.lifecycle import RUN_MOVES, STEP_MOVES
from landfall.runs.transitions import FIRST_BACKOFF
from landfall.site import page_store
from landfall.store.retention import EXPIRES_AT, RETENTION
from landfall.store.versions import DOCUMENT_KINDS
from tests.fakes.document_bounds import LARGEST
from tests.generated.markdown import ROOT, field_docs, listed, table

MARGIN = 5.0
"""Seconds for a tick to do its work."""

RECOVERY = 120.0
"""Seconds from the death of a worker to the next claim of its step: the promise."""

PURPOSES = {
    "answers": "An answer of a language model, by the hash of its question.",
    "bases": "The lock on an Airtable base, its pace and its back-off.",
    "deletions": "The deletion of a scan: who asked for it, and how far it is.",
    "findings": "A finding with its history, for people who look into Firestore.",
    "outbox": "A message about a run for one channel: its content, and what became of it.",
    "people": "The people and programs with their roles.",
    "runs": "A run: status, progress, verdict, counts, error, deadline, report.",
    "runs/events": "A change of status, written in the commit that makes it.",
    "runs/pages": "Fetched records, or pages of a site with their evidence, compressed.",
    "runs/results": "A list of findings with its index, a site's report, or notes of a step.",
    "runs/steps": "A step: status, attempt, lease, cursor, last error. It is its own outbox.",
    "scans": "A scan: its name, its version, and where it looks.",
    "scans/elements": "A data element, with the model's last good suggestion. Runs write it.",
    "scans/heard": "What a channel has heard of a scan: its last verdict, its present trouble.",
    "scans/ledgers": "The findings of a scan of a base: which list is current, and its rules.",
    "scans/ledgers/decisions": "A person's decision to ignore or reopen a finding.",
    "scans/reviewing": "A part of the index of elements, for who reviews them.",
    "scans/reviews": "A person's review of an element. No run writes it.",
    "scans/saves": "One of the last 50 saves of a scan: who saved what, and when.",
    "scans/sites": "The last scores of a site, for the next comparison.",
    "scans/usage": "The use of a language model by one run on one day, with its calls in flight.",
    "scans/versions": "A definition that runs were made from. It never changes.",
    "schedules": "A schedule: its cadence, its policies, and its next slot.",
    "sites": "The lock on a web site, its pace and its back-off.",
    "system": "The last tick of the scheduler and of the watchdog; a channel that is switched off.",
}
"""Purposes of the kinds of documents; a new kind needs one here."""

OTHER_RETENTION = {
    "answers": f"{answer_store.RETENTION_DAYS} days",
    "deletions": f"{deletion.REMEMBERED.days} days",
    "outbox": f"{outbox.SHOWN_FOR.days} days",
    "runs/pages": f"{RETENTION.fetched} days; pages of a site {page_store.RETENTION_DAYS} days",
    "runs/results": f"notes {RETENTION.fetched} days, reports {RETENTION.runs} days, lists for "
    "ever",
    "scans/usage": f"{budget.RETENTION_DAYS} days",
}
"""Retention where it is not one number of `Retention`."""

REASONS_ABOUT = {
    "base_": "Airtable",
    "model_": "The language model",
    "site_": "The web site",
    "": "Landfall and the scan",
}
"""The side that a reason is about, by its prefix."""

REQUIREMENTS = {
    "requirements.txt": "functions",
    "infra/local/requirements.txt": "local stack",
    "infra/local/requirements-data.txt": "local stack",
    "infra/local/requirements-java.txt": "local stack",
    "tests/requirements.txt": "tests",
    "tests/bench/requirements.txt": "benchmarks",
    "tests/bench/requirements-linkage.txt": "benchmarks",
}
"""The lists of dependencies, and the part that needs them."""


def moves() -> str:
    """Return the changes of status that are allowed."""
    rows = [
        (kind, f"`{old}`", listed(new for new in moves if new in onward) or "(ended)")
        for kind, moves in (("run", RUN_MOVES), ("step", STEP_MOVES))
        for old, onward in moves.items()
    ]
    return table(("", "from", "to"), rows)


def reasons() -> str:
    """Return every reason with its meaning and its remedy, a table for each side."""
    return "\n\n".join(
        f"### {title}\n\n{_reasons_of(prefix)}" for prefix, title in REASONS_ABOUT.items()
    )


def _reasons_of(prefix: str) -> str:
    rows = (
        (f"`{reason}`", "yes" if it.retried else "", it.meaning, WHAT_TO_DO[reason])
        for reason, it in REASONS.items()
        if _prefix(reason) == prefix
    )
    return table(("reason", "retried", "meaning", "what to do"), rows)


def _prefix(reason: str) -> str:
    return next(prefix for prefix in REASONS_ABOUT if reason.startswith(prefix))


def deadlines() -> str:
    """Return the ladder."""
    documented = field_docs("functions/landfall/deadlines.py", "Ladder")
    rows = [
        (f"`{field.name}`", f"{getattr(LADDER, field.name):g}", documented[field.name])
        for field in fields(Ladder)
    ]
    ticks = (
        f"The scheduler and the watchdog tick every {TICK:g} s; `GET /health` answers 503 when a "
        f"last tick is older than {TICK_MISSING:g} s. A step writes a checkpoint every "
        f"{CHECKPOINT:g} s."
    )
    return table(("deadline", "seconds", "meaning"), rows) + f"\n\n{ticks}"


def bound() -> str:
    """Return the sentence on when a run ends, and when a dead worker is replaced."""
    return (
        f"A run ends at the latest {TICK:g} s (a tick of the watchdog) + {MARGIN:g} s after its "
        f"`deadline_at`, whatever happens.\nA step whose worker was killed is claimed again within "
        f"{RECOVERY:g} s: {LADDER.stale:g} s until it is stale, {TICK:g} s until the next tick, "
        f"up to\n{FIRST_BACKOFF:g} s until the first retry, and {recovery_margin():g} s of reserve "
        "for the tick's work and the delivery."
    )


def recovery_margin() -> float:
    """Return the seconds of the promised recovery that no deadline, tick or delay takes."""
    return RECOVERY - LADDER.stale - TICK - FIRST_BACKOFF


def environment() -> str:
    """Return the environment variables."""
    rows = (
        (f"`{name}`", v.meaning + (f" (`{v.default}`)" if v.default else ""), _needed(v.needed_by))
        for name, v in VARIABLES.items()
    )
    return table(("variable", "meaning (default)", "required by"), rows)


def _needed(functions: Sequence[str]) -> str:
    every = {frozenset(ALL_FUNCTIONS): "all", frozenset(FUNCTIONS): "all but `window`"}
    return every.get(frozenset(functions)) or listed(functions)


def documents() -> str:
    """Return each kind of document with its purpose, its retention and its largest size."""
    rows = (
        (
            f"`{_path(kind)}`",
            PURPOSES[kind],
            _retention(kind),
            f"{LARGEST[kind] / 1000:g} kB",
            str(it.version),
        )
        for kind, it in DOCUMENT_KINDS.items()
    )
    return table(("document", "content", "deleted after", "at most", "schema version"), rows)


def _path(kind: str) -> str:
    ids = {"system": "{scheduler or watchdog}"}
    return "/".join(f"{part}/{ids.get(part, '{id}')}" for part in kind.split("/"))


def _retention(kind: str) -> str:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    path = "/".join(f"{part}/0" for part in kind.split("/"))
    found = RETENTION.expiry(path, {"updated_at": now})
    standard = f"{(found[EXPIRES_AT] - now).days} days" if found else ""
    return OTHER_RETENTION.get(kind, standard)


def dependencies() -> str:
    """Return the pinned packages with the comment behind each pin."""
    rows = [
        (f"`{name}`", why, part)
        for path, part in REQUIREMENTS.items()
        for name, why in pins(ROOT / path)
    ]
    return table(("package", "purpose", "used by"), rows)


def pins(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each package of a requirements file, and the comment behind it."""
    for line in path.read_text().splitlines():
        if found := re.match(r"([A-Za-z][\w.-]*)[^#]*(?:#\s*(.*))?$", line):
            yield found[1], found[2] or ""


def cloud_prices() -> str:
    """Return the prices of Google Cloud that a forecast uses."""
    rows = (
        (p.what, p.unit, f"{p.dollars:.7f}".rstrip("0"), f"{p.per:,}", f"{p.free:,} a {p.each}")
        for p in PRICES.values()
    )
    head = ("service", "unit", "dollars", "per", "free")
    return f"Prices of {REGION}, read on {READ_ON}:\n\n{table(head, rows)}"


def sizes() -> str:
    """Return the size of each function."""
    rows = (
        (f"`{name}`", it.memory, str(it.concurrency), str(it.max_instances))
        for name, it in SIZES.items()
    )
    return table(("function", "memory", "requests at once", "instances at most"), rows)


def alert_policies() -> str:
    """Return the alerts, with what each tells to do."""
    google = SimpleNamespace(list_all=lambda *_, **__: [])
    it: Any = SimpleNamespace(target=SimpleNamespace(project="p"), google=google)
    return table(("alert", "what to do"), _alerts(alerts.wanted_policies(it)))


def _alerts(policies: Iterable[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    for policy in policies:
        name = policy["displayName"].removeprefix("Landfall: ")
        yield name, " ".join(policy["documentation"]["content"].split())
