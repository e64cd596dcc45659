"""An estimate of the questions and the tokens of a classification, and its check before a save."""

from collections.abc import Sequence
from dataclasses import dataclass

from landfall.airtable.last_snapshot import read_last_snapshot, unread
from landfall.classification.element_groups import group_elements
from landfall.classification.elements import Element, elements_of
from landfall.classification.prompt import Prompt
from landfall.classification.scan import ClassificationScan
from landfall.deadlines import Deadline
from landfall.llm.usage import TokenUsage
from landfall.process.aside import aside
from landfall.store.documents import Fields, Store

ANSWER_TOKENS = 200
"""Tokens of a typical answer about one element; the limit is several times that."""


@dataclass(frozen=True)
class AskedOnce:
    """The questions about some elements, if each is asked about once, and the tokens of them."""

    questions: int
    usage: TokenUsage

    @classmethod
    def about(cls, scan: ClassificationScan, elements: Sequence[Element]) -> "AskedOnce":
        """Estimate the questions about these elements."""
        prompt = Prompt(scan.labels)
        groups = group_elements(elements, scan.group_size, scan.labels)
        asked = sum(prompt.question(group).worst_case().asked for group in groups)
        return cls(len(groups), TokenUsage(asked, ANSWER_TOKENS * len(elements)))


async def check_elements(scan: ClassificationScan, store: Store, _deadline: Deadline) -> Fields:
    """Count what a definition would ask about the elements that the last run has read."""
    last = await read_last_snapshot(store, scan)
    if last is None or scan.table not in last.tables:
        return {"against": None, "good": True}
    table, fields = last.tables[scan.table], scan.mapping.fields()
    missing = [str(one["field"]) for one in unread(scan, last.fetched)]
    against = {"run_id": last.run_id, "read_at": last.read_at, "records": last.records}
    if missing:
        return {"against": against, "not_read": missing, "good": True}
    elements = await aside(lambda: elements_of(table, fields, lambda _: ""))
    asked = await aside(lambda: AskedOnce.about(scan, elements))
    return {
        "against": against,
        "elements": len(elements),
        "questions": asked.questions,
        "tokens": asked.usage.tokens,
        "good": True,
    }
