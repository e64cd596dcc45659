"""The report of an integrity run, for a person."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from infra.local.terminal import COLOURS

_WORST_FIRST = ("critical", "warning", "info")


def lines(run: Mapping[str, Any]) -> Iterator[Text]:
    """Yield a line for each rule with findings, and one for all others."""
    rules = (run.get("report") or {}).get("rules", [])
    yield from _finding_lines([rule for rule in rules if rule["findings"]])
    noted = {rule["rule_id"]: rule["note"] for rule in rules if rule.get("note")}
    clean = [
        rule["rule_id"]
        for rule in rules
        if not (rule["findings"] or rule["inconclusive"] or rule["rule_id"] in noted)
    ]
    if clean:
        yield Text(f"no findings: {', '.join(clean)}")
    for rule_id, note in noted.items():
        yield Text(f"nothing to check: {rule_id}: {note}")


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


def _finding_lines(rules: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """Yield a line for each rule, the worst first: its findings and an example."""
    width = max((len(rule["rule_id"]) for rule in rules), default=0)
    for rule in sorted(rules, key=lambda rule: (_worst(rule), -rule["findings"])):
        example, severity = rule["samples"][0], _WORST_FIRST[_worst(rule)]
        changes = "".join(
            f", {rule[name]} {name}"
            for name in ("new", "reopened", "resolved")
            if rule[name] and rule[name] != rule["findings"]
        )
        owner = f" ({rule['owner']})" if rule["owner"] else ""
        yield Text.assemble(
            f"{rule['findings']:>6}  ",
            (f"{severity:<8}", COLOURS[severity]),
            f"  {rule['rule_id']:<{width}}{changes}{owner}  {_record(example) or rule['table']}: "
            f"{example['message']}",
        )


def _record(example: Mapping[str, Any]) -> str:
    """Return the id and the name of the example's record; empty where it has none."""
    return " ".join(filter(None, (example["record"], example["record_name"])))


def _worst(rule: Mapping[str, Any]) -> int:
    return min(_WORST_FIRST.index(severity) for severity in rule["by_severity"])
