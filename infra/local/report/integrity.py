"""The report of an integrity run, for a person."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from infra.local.terminal import COLOURS, Entry

MAX_ID_WIDTH = 30
"""Columns in which the ids of rules are aligned."""

_WORST_FIRST = ("critical", "warning", "info")


def lines(run: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield an entry for each rule with findings, and one for all others."""
    rules = (run.get("report") or {}).get("rules", [])
    yield from _finding_lines([rule for rule in rules if rule["findings"]])
    noted = {rule["rule_id"]: rule["note"] for rule in rules if rule.get("note")}
    clean = [
        rule["rule_id"]
        for rule in rules
        if not (rule["findings"] or rule["inconclusive"] or rule["rule_id"] in noted)
    ]
    if clean:
        yield Entry(Text("no findings"), Text(", ".join(clean)), 13)
    for rule_id, note in noted.items():
        yield Entry(Text("nothing to check"), Text(f"{rule_id}: {note}"), 18)


def inconclusive(run: Mapping[str, Any]) -> Iterator[Text]:
    """Yield the reasons why rules could not be evaluated, and their findings that are open."""
    for one in run.get("inconclusive") or []:
        still = by_severity(one.get("still_open", {}))
        text = f"{one['why']}; still open from earlier runs: {still}" if still else one["why"]
        yield Text.assemble((one["rule_id"], COLOURS["inconclusive"]), ": ", text)


def summary(counts: Mapping[str, Any]) -> str:
    """Return the numbers of records, requests, rules and findings."""
    by = by_severity(counts.get("findings_by_severity", {}))
    return (
        f"{counts.get('records', 0)} records, {counts.get('airtable_requests', 0)} requests; "
        f"{counts.get('rules_evaluated', 0)} rules evaluated, "
        f"{counts.get('rules_inconclusive', 0)} not; "
        f"{counts.get('findings', 0)} findings"
        + (f" ({by})" if by else "")
        + _changes(counts)
        + _written(counts)
    )


def by_severity(counts: Mapping[str, int]) -> str:
    """Return numbers of findings with their severities, the worst first."""
    return ", ".join(f"{counts[name]} {name}" for name in _WORST_FIRST if counts.get(name))


def _changes(counts: Mapping[str, Any]) -> str:
    """Return the changes since the last run; nothing if all findings are new."""
    names = ("new", "reopened", "resolved", "ignored")
    numbers = {name: counts.get(f"findings_{name}", 0) for name in names}
    if numbers["new"] == counts.get("findings", 0):
        del numbers["new"]
    changes = ", ".join(f"{count} {name}" for name, count in numbers.items() if count)
    return f"; {changes}" if changes else ""


def _written(counts: Mapping[str, Any]) -> str:
    due = counts.get("findings_to_write", 0)
    return f"; {counts['findings_written']} of {due} written back" if due else ""


def _finding_lines(rules: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield an entry for each rule, the worst first: its findings by severity and an example."""
    width = min(MAX_ID_WIDTH, max((len(rule["rule_id"]) for rule in rules), default=0))
    for rule in sorted(rules, key=_worst_first):
        example = rule["samples"][0]
        changes = "".join(
            f", {rule[name]} {name}"
            for name in ("new", "reopened", "resolved")
            if rule[name] and rule[name] != rule["findings"]
        )
        owner = f" ({rule['owner']})" if rule["owner"] else ""
        counts = [
            (f"{count} {name}", COLOURS[name])
            for name in _WORST_FIRST
            if (count := rule["by_severity"].get(name))
        ]
        head = Text.assemble(
            "  ", (f"{rule['rule_id']:<{width}}", "bold"), "  ",
            Text(", ").join(Text(*count) for count in counts), changes, owner,
        )  # fmt: skip
        where = _record(example) or rule["table"]
        yield Entry(head, Text(f"{where}: {example['message']}"), 4)


def _record(example: Mapping[str, Any]) -> str:
    """Return the id and the name of the example's record; empty where it has none."""
    return " ".join(filter(None, (example["record"], example["record_name"])))


def _worst_first(rule: Mapping[str, Any]) -> list[int]:
    return [-rule["by_severity"].get(name, 0) for name in _WORST_FIRST]
