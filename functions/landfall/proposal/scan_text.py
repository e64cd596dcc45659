"""A proposed scan as the text of a definition: YAML with the evidence of each rule as comments."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import yaml

from landfall.airtable.values import display_list, printable, truncate
from landfall.integrity.rules.evaluate import Finding
from landfall.proposal.proposals import Proposal
from landfall.scans.yaml_text import MAX_YAML, write_yaml

MAX_COMMENT = 300
"""Characters of a line of a comment."""

NOTHING = "No rule was found that is worth having; with more records, ask again."

_HEAD = """Proposed from the base's schema and records: {read}.
The rules are in the order of worth. Read each one, delete what you do not mean, and set
`severity`. `guard` marks a rule that nothing breaks now.
"""


def scan_text(
    scan_id: str, base: str, proposals: Sequence[Proposal], read: str, schema_address: str = ""
) -> str:
    """Return the definition of a scan with these rules, which the door reads as they are.

    Of rules that make it longer than a definition may be, the last are left out. `read` says what
    was read. Without any rule it is a comment alone.
    """
    head = [f"# yaml-language-server: $schema={schema_address}"] if schema_address else []
    head += [_comment(line) for line in _HEAD.format(read=read).splitlines()]
    if not proposals:
        return "\n".join([*head, _comment(NOTHING), ""])
    for count in range(len(proposals), 0, -1):
        text = "\n".join([*head, _definition(scan_id, base, proposals[:count])])
        if len(text) <= MAX_YAML:
            return text
    raise AssertionError("one rule has a bound far below that of a definition")


def _definition(scan_id: str, base: str, proposals: Sequence[Proposal]) -> str:
    fields: dict[str, set[str]] = defaultdict(set)
    for proposal in proposals:
        for table in proposal.rule.tables():
            fields[table].update(())
        for table, field in proposal.rule.reads():
            fields[table].add(field)
    tables = {table: sorted(fields[table]) for table in sorted(fields)}
    what = {"id": scan_id, "kind": "integrity", "base": base, "tables": tables}
    lines = [write_yaml(what), "rules:"]
    for number, proposal in enumerate(proposals, 1):
        lines += [f"  {_comment(line)}" for line in _remarks(number, proposal)]
        lines += [f"  {line}" if line else "" for line in _item(proposal.settings)]
    return "\n".join(lines)


def _item(settings: dict[str, object]) -> list[str]:
    """Return the lines of an item of a list."""
    first, *others = write_yaml(settings).splitlines()
    return [f"- {first}", *(f"  {line}" if line else "" for line in others), ""]


def _remarks(number: int, proposal: Proposal) -> Iterator[str]:
    yield f"{number}. {proposal.rule.table}: {proposal.sentence}"
    yield f"   evidence: {proposal.evidence}"
    of = f"{proposal.breaks:,} of {proposal.records:,} records"
    if proposal.guard:
        yield "   guard: no record breaks it now"
    elif proposal.examples and proposal.examples[0].records:
        yield f"   breaks now: {of}, such as"
        yield from (f"     {_example(finding)}" for finding in proposal.examples)
    else:
        yield f"   breaks now: {proposal.examples[0].message}"
    yield f"   confidence: {proposal.confidence:.2f}"


def _example(finding: Finding) -> str:
    names = [name for name in finding.names[:2] if name]
    where = ", ".join(finding.records[:2]) + (f" ({display_list(names)})" if names else "")
    return f"{where}: {finding.message}"


def _comment(text: str) -> str:
    """Return one line of a comment, whatever the text is: it may be anybody's, of any cell."""
    one_line = yaml.reader.Reader.NON_PRINTABLE.sub(" ", printable(text))
    return f"# {truncate(' '.join(one_line.splitlines()), MAX_COMMENT)}".rstrip()
