"""The check of a classification: its fields, what is told of a few elements, and what it costs."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.local.checked import Checked
from infra.local.endpoint import Airtable, real_openai
from infra.local.sampling import Sample
from infra.local.sampling_shown import read_shown, what_was_read
from landfall.airtable.fields import Schema
from landfall.classification.element_groups import group_elements
from landfall.classification.elements import Element, elements_of
from landfall.classification.fit import misfits
from landfall.classification.prompt import Prompt
from landfall.classification.scan import ClassificationScan
from landfall.llm.usage import TokenUsage
from landfall.process.config import VARIABLES

SHOWN = 2
"""Elements that are shown as the model is told of them."""

TOKENS_ANSWERED = 200
"""Of an answer about one element, as a rule; the most that is allowed is several times that."""


def check(
    scan: ClassificationScan, airtable: Airtable | None, most: int | None, console: Console
) -> Checked:
    """Read `most` elements, or all; no model is asked. Raises `StepError`."""
    sample = asyncio.run(read_shown(scan, airtable, most, console))
    seen = Seen.of(scan, sample)
    return Checked(not seen.misfits, sample.requests, seen.document(), seen.show)


@dataclass(frozen=True)
class Seen:
    """How the scan fits its base, and what a run over these elements would ask and cost."""

    scan: ClassificationScan
    sample: Sample
    misfits: list[str]
    elements: list[Element]
    questions: int
    tokens: int
    dollars: float | None
    model: str

    @classmethod
    def of(cls, scan: ClassificationScan, sample: Sample) -> "Seen":
        """From what was read."""
        wrong = list(misfits(scan, Schema(sample.schema)))
        readable = not sample.cursor.unresolved
        table = sample.snapshot.tables.get(scan.table)
        fields = scan.mapping.fields()
        found = elements_of(table, fields, lambda _: "") if table and readable else []
        prompt = Prompt(scan.labels)
        groups = group_elements(found, scan.group_size, scan.labels)
        asked = sum(prompt.question(group).worst_case().asked for group in groups)
        usage = TokenUsage(asked, TOKENS_ANSWERED * len(found))
        openai = real_openai()
        default = (openai and openai.model) or VARIABLES["LANDFALL_MODEL"].default
        model = scan.model.name or default
        price = scan.model.price_for(model)
        dollars = price.dollars(usage) if price else None
        return cls(scan, sample, wrong, found, len(groups), usage.tokens, dollars, model)

    def document(self) -> dict[str, Any]:
        """As plain values."""
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
        """For a person: what does not fit first."""
        console.print(Text(what_was_read(self.sample)), soft_wrap=True)
        for misfit in self.misfits:
            console.print(Text.assemble(("does not fit", "red"), ": ", misfit), soft_wrap=True)
        for line in self._lines():
            console.print(line, soft_wrap=True)

    def _lines(self) -> Iterator[Text]:
        if not self.elements:
            yield Text("no element to ask about", "yellow")
            return
        cost = "unknown" if self.dollars is None else f"about ${self.dollars:.4f}"
        yield Text(
            f"{len(self.elements)} elements, {self.questions} questions to {self.model}, some "
            f"{self.tokens:,} tokens: {cost}, and nothing for those that a run finds unchanged"
        )
        if self.sample.incomplete:
            yield Text("the table has more elements; --sample all counts them")
        for element in self.elements[:SHOWN]:
            yield Text(f"the model is told of {element.record_id}:")
            yield Text("\n".join(f"  {line}" for line in element.text.splitlines()), "dim")
