"""What is generated from the code and kept in the repository; a test compares.

The tables of README.md between `<!-- name -->` and `<!-- end -->`, `infra/scan.schema.json`, and
the references in `infra/rules.md` and `infra/classification.md`.
`.venv/bin/python -m tests.generated` writes them anew.
"""

import inspect
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from landfall.classification.labels import Labels
from landfall.classification.scan import ClassificationScan, ElementLimits, Parts
from landfall.classification.write_back import ElementWriteBack, OutputFields
from landfall.deadlines import CHECKPOINT, LADDER, TICK, TICK_MISSING, Ladder
from landfall.entry.routes import routes
from landfall.integrity.rules.conditions import FieldCondition
from landfall.integrity.rules.kinds import KINDS, groups_of
from landfall.integrity.rules.rule import BaseRule
from landfall.kinds.definition import json_schema
from landfall.llm.model_settings import Allowance, ModelBudget, ModelSettings
from landfall.llm.prices import Price
from landfall.process.config import FUNCTIONS, VARIABLES
from landfall.reasons import REASONS
from landfall.runs.lifecycle import RUN_MOVES, STEP_MOVES
from landfall.runs.transitions import FIRST_BACKOFF
from landfall.scans.scan import Scan
from landfall.scans.settings import Settings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MARGIN = 5.0
"""Seconds for a tick to do its work."""
RECOVERY = 120.0
"""Seconds, at most, from the death of a worker to the next claim of its step: the promise."""
SCHEMA = ROOT / "infra/scan.schema.json"
RULES = ROOT / "infra/rules.md"
CLASSIFICATION = ROOT / "infra/classification.md"


def tables() -> dict[str, str]:
    """Each table by the name of its marker."""
    return {
        "bound": _bound(),
        "moves": _moves(),
        "reasons": _table(
            ("reason", "retried", "meaning"),
            ((f"`{r}`", "yes" if e.retried else "", e.meaning) for r, e in REASONS.items()),
        ),
        "deadlines": _deadlines(),
        "environment": _environment(),
        "routes": _routes(),
        "rules": _table(
            ("kind", "what must be so"),
            ((f"[`{kind}`](infra/rules.md#{kind})", _first_line(KINDS[kind])) for kind in KINDS),
        ),
    }


def rendered(readme: str) -> str:
    """The README with every table as the code has it."""
    for name, table in tables().items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        readme = re.sub(pattern, rf"\g<1>{_escaped(table)}\n\g<2>", readme, flags=re.DOTALL)
    return readme


def schema() -> str:
    """The JSON schema of a scan's definition, as the file holds it."""
    return json.dumps(json_schema(), indent=2) + "\n"


def rule_reference() -> str:
    """Every kind of rule with its settings and an example; `infra/rules.md`."""
    parts = [
        "# Rules",
        "A rule is an entry of `rules` in a scan's definition. A table or field is given by "
        "its name, or by its id (`tbl...`, `fld...`), which survives renaming.",
        "Every rule has these settings:",
        _settings(BaseRule, leave_out=("kind",)),
        "`when` is a condition on a field, or `{all: [...]}`, `{any: [...]}`, `{not: ...}` of "
        "conditions. A condition on a field has one or more of these tests:",
        _settings(FieldCondition),
    ]
    for kind, rule in KINDS.items():
        doc = inspect.cleandoc(rule.__doc__ or "")
        example = f"```yaml\n{rule.example.strip()}\n```"
        parts += [f"## {kind}", doc, example, _settings(rule, leave_out=BaseRule.model_fields)]
        groups = sorted(groups_of(rule), key=lambda group: group.__name__)
        for group in groups:
            parts += [f"**{group.__name__}**: {_first_line(group)}", _settings(group)]
    return "\n\n".join(parts) + "\n"


def classification_reference() -> str:
    """Every setting of a classification; `infra/classification.md`."""
    groups = (
        ElementLimits,
        Parts,
        ElementWriteBack,
        OutputFields,
        ModelSettings,
        ModelBudget,
        Allowance,
    )
    parts = [
        "# Classification",
        "A scan of the kind `classification` has these settings, besides `id`, `name`, `time_zone` "
        "and `schedule`, which every scan has; `infra/local/samples/catalogue.yaml` is one to "
        "copy.",
        _settings(ClassificationScan, leave_out=Scan.model_fields.keys() - {"limits"}),
    ]
    for group in (*groups, Price):
        parts += [f"**{group.__name__}**: {_first_line(group)}", _settings(group)]
    parts += [f"**Labels**: {_first_line(Labels)} Without `labels` they are:"]
    rows = [
        (f"`{output}`", f"`{label}`", meaning)
        for output, meanings in Labels().model_dump().items()
        for label, meaning in meanings.items()
    ]
    parts.append(_table(("output", "label", "what the model is told"), rows))
    return "\n\n".join(parts) + "\n"


def _settings(model: type[Settings], leave_out: Collection[str] = ()) -> str:
    schema = model.model_json_schema()
    rows = [
        (
            f"`{name}`",
            _type(entry),
            _default(entry, name in schema.get("required", ())),
            entry.get("description", ""),
        )
        for name, entry in schema["properties"].items()
        if name not in leave_out
    ]
    return _table(("setting", "value", "default", "what"), rows)


def _default(entry: Mapping[str, Any], required: bool) -> str:
    if required:
        return "(needed)"
    default = entry.get("default")
    if isinstance(default, dict):
        return "below"
    return "" if default in (None, "") else f"`{json.dumps(default)}`"


def _type(entry: Mapping[str, Any]) -> str:
    """What a setting's value is, from its JSON schema."""
    match entry:
        case {"enum": values}:
            return " or ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"anyOf": choices} | {"oneOf": choices}:
            said = dict.fromkeys(_type(one) for one in choices if one.get("type") != "null")
            return " or ".join(said)
        case {"$ref": reference}:
            return str(reference.rsplit("/", 1)[1])
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": kind}:
            names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
            return str(names.get(kind, kind))
        case _:
            return "any"


def _first_line(of: type) -> str:
    return inspect.cleandoc(of.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _escaped(table: str) -> str:
    return table.replace("\\", r"\\")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _moves() -> str:
    rows = [
        (kind, f"`{old}`", ", ".join(f"`{new}`" for new in moves if new in onward) or "ended")
        for kind, moves in (("run", RUN_MOVES), ("step", STEP_MOVES))
        for old, onward in moves.items()
    ]
    return _table(("", "from", "to"), rows)


def _deadlines() -> str:
    documented = _attribute_docs()
    rows = [
        (f"`{field.name}`", f"{getattr(LADDER, field.name):g}", documented[field.name])
        for field in fields(Ladder)
    ]
    ticks = f"Ticks come every {TICK:g} s; `/health` answers 503 when the last is over "
    ticks += f"{TICK_MISSING:g} s old. A step keeps what it has every {CHECKPOINT:g} s."
    return _table(("deadline", "seconds", "what"), rows) + f"\n\n{ticks}"


def _bound() -> str:
    return (
        f"**The bound.** A run ends within its `deadline_at` + {TICK:g} s (a tick of the watchdog) "
        f"+ {MARGIN:g} s,\nhowever it goes. A step whose worker was killed is claimed again within "
        f"{RECOVERY:g} s: until it is\nstale ({LADDER.stale:g} s), until the next tick "
        f"({TICK:g} s), and the delay of a first retry (up to {FIRST_BACKOFF:g} s);\n"
        f"{recovery_margin():g} s are left for the tick's work and the delivery."
    )


def recovery_margin() -> float:
    """Seconds of the promised recovery that no deadline, tick or delay takes."""
    return RECOVERY - LADDER.stale - TICK - FIRST_BACKOFF


def _attribute_docs() -> dict[str, str]:
    source = (ROOT / "functions/landfall/deadlines.py").read_text()
    found = re.findall(r'    (\w+): float = [\d.]+\n    """(.+?)"""', source, flags=re.DOTALL)
    return {name: " ".join(text.split()) for name, text in found}


def _environment() -> str:
    def needed(by: Sequence[str]) -> str:
        return "all" if set(by) == set(FUNCTIONS) else ", ".join(f"`{name}`" for name in by)

    rows = (
        (f"`{name}`", v.meaning + (f" (`{v.default}`)" if v.default else ""), needed(v.needed_by))
        for name, v in VARIABLES.items()
    )
    return _table(("variable", "what (default)", "needed by"), rows)


def _routes() -> str:
    rows = [
        (f"`{route.method} {route.path}`", _first_sentence(route.handle.__doc__ or ""))
        for route in routes()
    ]
    rows.append(("`GET /health`", "How old the last ticks are; 503 when one is too old."))
    return _table(("route", "what"), rows)


def _first_sentence(text: str) -> str:
    return text.split(" Raises")[0].split("\n\n")[0].strip()


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))
    SCHEMA.write_text(schema())
    RULES.write_text(rule_reference())
    CLASSIFICATION.write_text(classification_reference())
