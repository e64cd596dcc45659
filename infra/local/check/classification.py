"""The check of a classification: its fields, the prompts of a few elements, and the cost."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.local.check.result import CheckResult
from infra.local.check.sample import Sample
from infra.local.check.sample_progress import describe_sample, read_with_progress
from infra.local.endpoints import AirtableEndpoint, configured_openai
from infra.local.terminal import plural
from landfall.airtable.fields import Schema
from landfall.classification.elements import Element, describe_cut, elements_of
from landfall.classification.estimate import AskedOnce
from landfall.classification.fit import misfits
from landfall.classification.scan import ClassificationScan
from landfall.process.config import VARIABLES

ELEMENTS_SHOWN = 2
"""Elements whose text in the prompt is shown."""


def check(
    scan: ClassificationScan, airtable: AirtableEndpoint | None, limit: int | None, console: Console
) -> CheckResult:
    """Read `limit` elements, or all; no model is asked. Raises `StepError`."""
    sample = asyncio.run(read_with_progress(scan, airtable, limit, console))
    estimate = Estimate.of(scan, sample)
    return CheckResult(not estimate.misfits, sample.requests, estimate.document(), estimate.show)


@dataclass(frozen=True)
class Estimate:
    """The fit of a scan to its base, and the questions and cost of a run over these elements."""

    scan: ClassificationScan
    sample: Sample
    misfits: list[str]
    elements: list[Element]
    questions: int
    tokens: int
    dollars: float | None
    model: str

    @classmethod
    def of(cls, scan: ClassificationScan, sample: Sample) -> "Estimate":
        """Estimate from a sample."""
        wrong = list(misfits(scan, Schema(sample.schema)))
        readable = not sample.cursor.unresolved
        table = sample.snapshot.tables.get(scan.table)
        fields = scan.mapping.fields()
        found = elements_of(table, fields, lambda _: "") if table and readable else []
        asked = AskedOnce.about(scan, found)
        openai = configured_openai()
        default = (openai and openai.model) or VARIABLES["LANDFALL_MODEL"].default
        model = scan.model.name or default
        price = scan.model.price_for(model)
        dollars = price.dollars(asked.usage) if price else None
        return cls(scan, sample, wrong, found, asked.questions, asked.usage.tokens, dollars, model)

    def document(self) -> dict[str, Any]:
        """Return the estimate as plain values."""
        return {
            "scan_id": self.scan.id,
            "base": self.scan.base,
            "good": not self.misfits,
            "misfits": self.misfits,
            "elements": len(self.elements),
            "complete": not self.sample.incomplete,
            "questions": self.questions,
            "model": self.model,
            "tokens": self.tokens,
            "dollars": self.dollars,
            "airtable_requests": self.sample.requests,
        }

    def show(self, console: Console) -> None:
        """Print the estimate for a person, first what does not fit."""
        console.print(Text(describe_sample(self.sample)), soft_wrap=True)
        for misfit in self.misfits:
            console.print(Text.assemble(("does not fit", "red"), ": ", misfit), soft_wrap=True)
        for line in self._lines():
            console.print(line, soft_wrap=True)

    def _lines(self) -> Iterator[Text]:
        if not self.elements:
            yield Text("no elements found", "yellow")
            return
        cost = "unknown" if self.dollars is None else f"about ${self.dollars:.4f}"
        yield Text(
            f"{plural(len(self.elements), 'element')}, {plural(self.questions, 'question')} to "
            f"{self.model}, about {self.tokens:,} tokens; cost: {cost}. Unchanged elements are "
            "not asked about again."
        )
        cut = [element for element in self.elements if element.cut]
        if cut:
            first = f"{cut[0].record_id}: {describe_cut(cut[0].cut)}"
            yield Text(
                f"{plural(len(cut), 'element')} cut for the model, such as {first}", "yellow"
            )
        if self.sample.incomplete:
            yield Text("the table has more elements; use --sample all to count them")
        for element in self.elements[:ELEMENTS_SHOWN]:
            yield Text(f"prompt text of {element.record_id}:")
            yield Text("\n".join(f"  {line}" for line in element.text.splitlines()), "dim")
