"""Sentences about the base of a scan: its calls to Airtable, and the parts that nobody reads."""

from collections.abc import Collection, Iterator

from landfall.airtable.scan import BaseScan
from landfall.scans.explanation import KnownSource, monthly, named

PAGE = 100
"""Records in an answer of Airtable."""

SENT = 10
"""Records in a request that writes."""


def base_costs(scan: BaseScan, known: KnownSource, runs: int, writes: bool) -> Iterator[str]:
    """Yield sentences about calls to Airtable and documents of a run, and of a month."""
    least = 1 + len(scan.tables)
    if known.records is None:
        yield (
            f"A run makes at least {least:,} calls to Airtable{monthly(least, runs)}: one for the "
            f"fields, and one for each {PAGE} records of a table, of at most "
            f"{scan.limits.max_records:,} records. `infra/local/run --check` counts the records."
        )
    else:
        most = least + known.records // PAGE
        yield (
            f"A run makes at most {most:,} calls to Airtable{monthly(most, runs)}, for "
            f"{known.records:,} records as in the last run; retries come on top."
        )
    if writes:
        yield f"It also writes to Airtable: a call for each {SENT} records that it changes."
    if known.documents is not None:
        yield (
            f"The last run wrote {known.documents:,} documents of Firestore"
            f"{monthly(known.documents, runs)}."
        )


def base_unseen(
    scan: BaseScan, known: KnownSource, used: Collection[tuple[str, str]], tables: Collection[str]
) -> Iterator[str]:
    """Yield sentences about what is read for nothing, and what is not read.

    `used` are the (table, field) pairs that are looked at, of these `tables`.
    """
    for table, fields in scan.tables.items():
        idle = [field for field in fields if (table, field) not in used]
        if table not in tables:
            yield f"{table}: it is read, and nothing looks at it."
        elif idle:
            yield f"{table}: {named(idle)}: read, and nothing looks at it."
    if known.fields is None:
        yield (
            f"Everything of the base but the listed fields of {named(scan.tables)}. "
            "`infra/local/run --explain` asks Airtable what that is."
        )
        return
    for table, all_fields in known.fields.items():
        unread = [field for field in all_fields if field not in scan.tables.get(table, ())]
        if table in scan.tables and unread:
            yield f"{table}: {named(unread)}: not read."
    if left := [table for table in known.fields if table not in scan.tables]:
        yield f"Tables that are not read: {named(left)}."
