"""What an integrity run came to, for a person."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from infra.local.terminal import COLOURS

_WORST_FIRST = ("critical", "warning", "info")


def lines(run: Mapping[str, Any]) -> Iterator[Text]:
    """A line a rule that found something, the worst first, with an example; then the others."""
    rules = (run.get("report") or {}).get("rules", [])
    yield from _found([rule for rule in rules if rule["findings"]])
    clean = [rule["rule_id"] for rule in rules if not (rule["findings"] or rule["inconclusive"])]
    if clean:
        yield Text(f"no findings: {', '.join(clean)}")


def inconclusive(run: Mapping[str, Any]) -> Iterator[Text]:
    """Why rules could not be evaluated."""
    for rule in (run.get("report") or {}).get("rules", []):
        if rule["inconclusive"]:
            yield Text.assemble((rule["rule_id"], "magenta"), ": ", rule["inconclusive"])


def summary(counts: Mapping[str, Any]) -> str:
    """How much was read, evaluated and found."""
    severities = counts.get("findings_by_severity", {})
    by = ", ".join(f"{severities[name]} {name}" for name in _WORST_FIRST if severities.get(name))
    return (
        f"{counts.get('records', 0)} records, {counts.get('airtable_requests', 0)} requests; "
        f"{counts.get('rules_evaluated', 0)} rules evaluated, "
        f"{counts.get('rules_inconclusive', 0)} inconclusive; "
        f"{counts.get('findings', 0)} findings"
        + (f" ({by})" if by else "")
        + _news(counts)
        + _written(counts)
    )


def _news(counts: Mapping[str, Any]) -> str:
    """What is not as it was in the run before; nothing where all of it is new."""
    names = ("new", "reopened", "resolved", "ignored")
    news = {name: counts.get(f"findings_{name}", 0) for name in names}
    if news["new"] == counts.get("findings", 0):
        del news["new"]
    said = ", ".join(f"{count} {name}" for name, count in news.items() if count)
    return f"; {said}" if said else ""


def _written(counts: Mapping[str, Any]) -> str:
    due = counts.get("findings_to_write", 0)
    return f"; {counts['findings_written']} of {due} written back" if due else ""


def _found(rules: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """A line a rule, the worst first, with what it found and an example."""
    width = max((len(rule["rule_id"]) for rule in rules), default=0)
    for rule in sorted(rules, key=lambda rule: (_worst(rule), -rule["findings"])):
        example, severity = rule["samples"][0], _WORST_FIRST[_worst(rule)]
        news = "".join(
            f", {rule[name]} {name}"
            for name in ("new", "reopened", "resolved")
            if rule[name] and rule[name] != rule["findings"]
        )
        yield Text.assemble(
            f"{rule['findings']:>6}  ",
            (f"{severity:<8}", COLOURS[severity]),
            f"  {rule['rule_id']:<{width}}{news}  {example['record'] or rule['table']}: "
            f"{example['message']}",
        )


def _worst(rule: Mapping[str, Any]) -> int:
    return min(_WORST_FIRST.index(severity) for severity in rule["by_severity"])
