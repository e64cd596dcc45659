"""The reports of integrity scans and of classifications as people read them. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from landfall.store.documents import Fields
from landfall.window.report_content import Detail, Few, text_of, web_url
from landfall.window.standing import SEVERITIES, by_loudness, without_code

MAX_NAME = 120
"""Characters of a name: of a rule, a table, an owner or a record."""


def values_of_integrity(
    run: Fields, report: Fields, findings: Sequence[Fields], detail: Detail
) -> dict[str, Any]:
    """Return what the template shows: rules with findings, the worst first.

    `findings` are the first of the run; a rule of which they have none shows its samples.
    """
    rules = report.get("rules", ())
    failing = sorted((rule for rule in rules if rule["findings"]), key=_worst_first)
    by_rule: dict[str, list[Fields]] = defaultdict(list)
    for finding in findings:
        by_rule[finding["rule_id"]].append(finding)
    unchecked = sum(bool(rule["inconclusive"]) for rule in rules)
    return {
        "run": run,
        "rules": Few.of(
            failing, detail.rows, lambda rule: _rule(rule, by_rule[rule["rule_id"]], detail)
        ),
        "clean": len(rules) - len(failing) - unchecked,
        "unseen": _unseen(run, detail),
    }


def _unseen(run: Fields, detail: Detail) -> Few:
    """Return what was not evaluated, and why."""

    def shown(one: Fields) -> tuple[str, str]:
        what = one.get("rule_id") or _spelled(one.get("what") or "Something")
        number = f" ({one['count']:,})" if one.get("count") else ""
        return text_of(what, MAX_NAME) + number, text_of(without_code(one["why"]), detail.text)

    return Few.of(run.get("inconclusive") or (), detail.rows, shown)


def _worst_first(rule: Fields) -> tuple[int, ...]:
    return tuple(-rule["by_severity"].get(name, 0) for name in SEVERITIES)


def _rule(rule: Fields, findings: Sequence[Fields], detail: Detail) -> Fields:
    shown = [_finding(one, detail) for one in findings or map(_as_finding, rule["samples"])]
    few = shown[: detail.findings]
    return {
        "name": text_of(rule["name"] or rule["rule_id"], MAX_NAME),
        "table": text_of(rule["table"], MAX_NAME),
        "owner": text_of(rule["owner"], MAX_NAME),
        "severities": by_loudness(rule["by_severity"]),
        "new": rule["new"],
        "resolved": rule["resolved"],
        "findings": Few(few, max(0, rule["findings"] - len(few))),
    }


def _as_finding(sample: Fields) -> Fields:
    """Return a sample of a report in the form of a listed finding."""
    record, name, link = sample["record"], sample.get("record_name"), sample.get("link")
    return sample | {
        "records": [record] if record else [],
        "record_names": [name] if name else [],
        "links": [link] if link else [],
        "record_count": 1,
    }


def _finding(one: Fields, detail: Detail) -> Fields:
    record = next(iter(one["record_names"]), "") or next(iter(one["records"]), "")
    more = one["record_count"] - 1
    return {
        "severity": one["severity"],
        "message": text_of(one["message"], detail.text),
        "record": text_of(record, MAX_NAME) + (f" and {more:,} more" if more > 0 else ""),
        "link": web_url(next(iter(one["links"]), None)),
    }


def values_of_classification(run: Fields, report: Fields, detail: Detail) -> dict[str, Any]:
    """Return what the template shows: the labels of each output, and the elements to look at."""
    of = (report.get("coverage") or {}).get("with_values", 0)
    tables = [
        {"name": _spelled(output), "rows": _counted(labels, of, detail)}
        for output, labels in report.get("labels", {}).items()
    ]
    if flags := report.get("flags"):
        yes = {_spelled(name): count for name, count in flags.items()}
        tables.append({"name": "Marks", "rows": _counted(yes, of, detail)})
    return {
        "run": run,
        "labels": tables if of else [],
        "unseen": _unseen(run, detail),
        "lists": [
            ("Answers of which the model is not sure", _elements(report, "low_confidence", detail)),
            ("Suggestions that changed", _elements(report, "changes", detail)),
            ("Texts that were cut for the model", _elements(report, "cut", detail)),
            (
                "Changed since a person decided",
                _elements(report, "changed_since_review", detail),
            ),
        ],
        "models": [text_of(name, MAX_NAME) for name in report.get("models", ())],
    }


def _counted(labels: dict[str, int], of: int, detail: Detail) -> Few:
    def shown(pair: tuple[str, int]) -> tuple[str, int, float]:
        name, many = pair
        return text_of(name, MAX_NAME), many, many / of if of else 0

    return Few.of(sorted(labels.items(), key=lambda pair: -pair[1]), detail.rows, shown)


def _elements(report: Fields, name: str, detail: Detail) -> Few:
    def shown(one: Fields) -> Fields:
        return {
            "name": text_of(one["name"], MAX_NAME),
            "link": web_url(one.get("link")),
            "why": text_of(_about(one), detail.text),
        }

    found = report.get(name) or {"elements": []}
    few = Few.of(found["elements"], detail.rows, shown)
    count = found.get("changed", found.get("count", 0))
    return replace(few, more=max(0, count - len(few.shown)))


def _about(one: Fields) -> str:
    if "confidence" in one:
        return f"{one['confidence']} % sure: {one['rationale']}"
    if "difference" in one:
        return "; ".join(
            f"{_spelled(name)}: {values['before']} → {values['now']}"
            for name, values in one["difference"].items()
        )
    return f"the model sees {one['cut']}" if "cut" in one else ""


def _spelled(name: str) -> str:
    return name.replace("_", " ").capitalize()
