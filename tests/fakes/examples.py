"""Every example of the documents, and of every kind of rule, as a whole scan."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

from landfall.integrity.rules.kinds import KINDS as RULES
from landfall.integrity.rules.kinds import Rule
from landfall.kinds.table import KINDS as SCANS
from landfall.scans.yaml_text import read_text
from tests.generated.documents import DOCUMENTS
from tests.generated.markdown import ROOT, fences

BASE = "appXXXXXXXXXXXXXX"

SHORTEST: Mapping[str, dict[str, Any]] = {
    "integrity": {
        "base": BASE,
        "tables": {"T": ["F"]},
        "rules": [{"id": "r", "kind": "required", "table": "T", "field": "F"}],
    },
    "classification": {"base": BASE, "table": "T", "mapping": {"name": "F"}},
    "site": {"url": "https://clinic.example/"},
}
"""The settings that an example of a part of a scan is added to, by the kind."""

KIND_OF = {"infra/docs/classification.md": "classification", "infra/docs/site.md": "site"}
"""The kind of scan that a document's examples are about; `integrity` in the others."""


def whole(example: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the scan that an example is, or that it is a rule or some settings of."""
    if example.get("kind") in SCANS:
        return dict(example)
    kind = KIND_OF.get(path, "integrity")
    head = {"id": "example", "kind": kind} | SHORTEST[kind]
    if "kind" not in example:
        return head | dict(example)
    rule: Rule = TypeAdapter(Rule).validate_python(example)
    tables: dict[str, dict[str, None]] = {table: {} for table in rule.tables()}
    for table, field in rule.reads():
        tables[table][field] = None
    read = {table: [*fields] for table, fields in tables.items()}
    return head | {"tables": read, "rules": [dict(example)]}


def _examples() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in DOCUMENTS:
        for number, text in enumerate(fences((ROOT / path).read_text(), "yaml"), 1):
            for part, example in enumerate(re.split(r"^---$", text, flags=re.MULTILINE), 1):
                yield f"{path}-{number}.{part}", whole(read_text(example).value, path)
    for kind, rule in RULES.items():
        yield f"rule-{kind}", whole(read_text(rule.example).value)


EXAMPLES = dict(_examples())
"""The scans by where they are from."""
