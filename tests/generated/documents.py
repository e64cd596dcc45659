"""The documents, and the blocks in them that come from the code."""

import json
import re
from collections.abc import Callable, Mapping

from landfall.kinds.editor_schema import json_schema
from tests.generated import api, cells, engine, settings
from tests.generated.markdown import ROOT, heredoc

SCHEMA = ROOT / "infra/scan.schema.json"

DOCUMENTS = (
    "README.md",
    "functions/DECISIONS.md",
    "functions/README.md",
    "infra/docs/api.md",
    "infra/docs/classification.md",
    "infra/docs/operate.md",
    "infra/docs/reference.md",
    "infra/docs/rules.md",
    "infra/docs/scans.md",
    "infra/docs/site.md",
    "infra/docs/window.md",
    "tests/README.md",
)

BLOCKS: Mapping[str, Callable[[], str]] = {
    "alerts": engine.alert_policies,
    "bound": engine.bound,
    "cells": cells.shapes,
    "classification": settings.classification_settings,
    "client-statuses": api.client_statuses,
    "commands": api.commands,
    "conditions": settings.condition_settings,
    "deadlines": engine.deadlines,
    "dependencies": engine.dependencies,
    "documents": engine.documents,
    "environment": engine.environment,
    "errors": api.errors,
    "facts": settings.facts,
    "integrity": settings.integrity_settings,
    "labels": settings.labels,
    "layers": lambda: _fenced(_layers()),
    "limits": settings.limits_settings,
    "model": settings.model_settings,
    "model-prices": settings.model_prices,
    "moves": engine.moves,
    "prices": engine.cloud_prices,
    "reasons": engine.reasons,
    "routes": api.routes,
    "rubric": settings.rubric_settings,
    "rule": settings.rule_settings,
    "rule-kinds": settings.rule_kinds,
    "rules": settings.rule_list,
    "scan": settings.scan_settings,
    "schedule": settings.schedule_settings,
    "notify": settings.notify_settings,
    "site": settings.site_settings,
    "sizes": engine.sizes,
    "rights": api.rights,
    "rights-in-window": api.rights_in_window,
    "thresholds": settings.threshold_settings,
    "usage": lambda: _fenced(heredoc("tests/run", "USAGE")),
    "write-back": settings.write_back_settings,
}
"""Each block by the name of its marker."""

MARKED = re.compile(r"(<!-- ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(document: str) -> str:
    """Return a document with every block as the code has it."""
    return MARKED.sub(lambda found: f"{found[1]}{BLOCKS[found[2]]()}\n{found[3]}", document)


def schema() -> str:
    """Return the JSON schema of a scan's definition, as the file holds it."""
    return json.dumps(json_schema(), indent=2) + "\n"


def _layers() -> str:
    found = re.search(
        r"^layers =\n((?: +.*\n)+)", (ROOT / ".importlinter").read_text(), re.MULTILINE
    )
    assert found, ".importlinter has no layers"
    return "\n".join(line.strip() for line in found[1].splitlines())


def _fenced(text: str) -> str:
    return f"```text\n{text}\n```"
