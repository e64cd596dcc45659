"""`infra/local/run --suggest`: proposes an integrity scan of a base, and writes nothing to it."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.local.check.sample import Sample, read_schema
from infra.local.check.sample_progress import describe_sample, read_with_progress
from infra.local.endpoints import airtable_with
from infra.local.scan_files import schema_address
from infra.local.terminal import complain, plural
from landfall.airtable.fields import Schema
from landfall.airtable.scan import RecordLimits
from landfall.airtable.schema import TableSchema, named
from landfall.kinds.definition import DefinitionError, load
from landfall.proposal.proposals import Proposal, propose
from landfall.proposal.scan_text import scan_text
from landfall.reasons import WHAT_TO_DO, StepError
from landfall.scans.settings import suggest


@dataclass(frozen=True)
class WholeBase:
    """The reading of all fields of a base's tables, as a scan reads them."""

    base: str
    tables: dict[str, list[str]] = field(default_factory=dict)
    id: str = "suggested"
    record_names: bool = True
    limits: RecordLimits = field(default_factory=RecordLimits)
    zone: tzinfo = UTC


def run(options: argparse.Namespace, console: Console) -> int:
    """Print the proposed scan on standard output; return the exit status. Raises `MissingError`,
    `DefinitionError`."""
    try:
        sample = asyncio.run(_read(options, console))
    except StepError as error:
        complain(console, f"Base {options.suggest} was not read: {error.reason}.", error)
        console.print(f"What to do: {WHAT_TO_DO[error.reason]}", soft_wrap=True, markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted; nothing was written anywhere.")
        return 130
    found = propose(
        Schema(sample.schema),
        sample.snapshot,
        sample.incomplete,
        options.min_confidence,
        options.limit,
    )
    if options.json:
        document = {"base": options.suggest, "rules": [_document(it) for it in found]}
        print(json.dumps(document, ensure_ascii=False), flush=True)
    else:
        address = schema_address(Path.cwd() / "my-scan.yaml")
        text = scan_text(WholeBase.id, options.suggest, found, describe_sample(sample), address)
        if found:
            load(text, "the proposal")  # what the door refuses is never printed
        print(text, flush=True)
    console.print(f"{describe_sample(sample)}; {sample.requests} requests were sent.", markup=False)
    broken = sum(not it.guard for it in found)
    console.print(f"{plural(len(found), 'rule')} proposed; some records break {broken} of them.")
    return 0 if found else 1


async def _read(options: argparse.Namespace, console: Console) -> Sample:
    airtable = airtable_with([options.suggest])
    schema = await read_schema(WholeBase(options.suggest), airtable)
    tables = {
        table.name: [field.name for field in table.fields]
        for table in _chosen(schema, options.tables)
    }
    base = WholeBase(options.suggest, tables)
    return await read_with_progress(base, airtable, options.sample, console)


def _chosen(schema: Sequence[TableSchema], wanted: Sequence[str] | None) -> list[TableSchema]:
    """Return the tables that are named; all of them if none is. Raises `DefinitionError`."""
    chosen = []
    for name in wanted or [table.name for table in schema]:
        table = named(schema, name)
        if table is None:
            names = [table.name for table in schema]
            fix = suggest(name, names, f"there are {', '.join(map(repr, names[:10]))}")
            raise DefinitionError(f"--tables: the base has no table {name!r}; {fix}")
        chosen.append(table)
    return chosen


def _document(proposal: Proposal) -> dict[str, Any]:
    """Return a proposal as plain values."""
    return {
        "rule": proposal.settings,
        "sentence": proposal.sentence,
        "evidence": proposal.evidence,
        "records": proposal.records,
        "breaks": proposal.breaks,
        "examples": [
            {"records": finding.records[:2], "message": finding.message}
            for finding in proposal.examples
        ],
        "confidence": proposal.confidence,
        "guard": proposal.guard,
    }
