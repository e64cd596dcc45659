"""The largest documents of classifications, and of questions to a model (`largest`)."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from random import Random
from typing import Any

from pydantic import BaseModel

from landfall.classification.agenda import Agenda
from landfall.classification.answer import (
    LISTS,
    MAX_ITEM_CHARACTERS,
    MAX_ITEMS,
    MAX_RATIONALE_CHARACTERS,
    Values,
    normalize,
)
from landfall.classification.ask_cursor import AskCursor
from landfall.classification.elements import MAX_TEXT_CHARACTERS, UNKNOWN_TIME, Element
from landfall.classification.report import AskingResult, ReportedElement, run_report
from landfall.classification.review_index import MAX_NAME, SHARDS, Line, Shard
from landfall.classification.reviews import MAX_HISTORY, Review
from landfall.classification.routes import MAX_WHY
from landfall.classification.scan import ClassificationScan, Parts
from landfall.classification.tracked_element import Provenance, TrackedElement
from landfall.llm.answer_store import MAX_ANSWER_BYTES, MAX_MESSAGE_CHARACTERS, AnswerStore, Payer
from landfall.llm.attempts import PendingQuestion, call_name
from landfall.llm.batch_part import BatchPart
from landfall.llm.batch_step import MAX_PARTS
from landfall.llm.budget import DayUsage
from landfall.llm.openai.batches import MAX_ID_CHARACTERS
from landfall.llm.openai.completions import MAX_NAME_CHARACTERS
from landfall.llm.questions import (
    Answer,
    FailedAnswerError,
    Problem,
    Question,
    RateLimits,
    Receipt,
)
from landfall.llm.rate_limit import MAX_CONCURRENCY
from landfall.llm.usage import ModelUsage, TokenUsage
from landfall.reasons import Reason
from landfall.store.documents import Document
from tests.fakes.elements import a_classification
from tests.fakes.largest import CALLER, ID, NOW, largest, run_with, step_with, text
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import World

MODEL = text("model", MAX_NAME_CHARACTERS)
MOST = 10**7
"""Tokens of an answer."""

USAGE = TokenUsage(MOST, MOST, MOST, MOST)
PROVENANCE = Provenance(ID, NOW, NOW, MODEL, f"{ID}{ID}", 2, MOST, 0.01, 1.5, "a" * 32)


def labels() -> dict[str, Any]:
    """Return the most labels, with the longest names."""
    outputs = ("information_security_classification", "criticality", "risk_level")
    return {
        output: {text(f"{output}{n}", 60): text(f"m{output}{n}", 500) for n in range(20)}
        for output in outputs
    }


def a_scan() -> ClassificationScan:
    """Return a scan with the longest texts."""
    mapping = {part: f"F{part}" for part in Parts.model_fields}
    return a_classification(
        id=ID, name=text("n", 200), table=text("t", 255), mapping=mapping, labels=labels()
    )


def values(seed: str) -> Values:
    """Return the longest values of an element."""
    made: Values = {output: next(iter(names)) for output, names in labels().items()}
    lists = {
        name: [text(f"{seed}{name}{n}", MAX_ITEM_CHARACTERS) for n in range(MAX_ITEMS)]
        for name in LISTS
    }
    rationale = text(f"{seed}why", MAX_RATIONALE_CHARACTERS)
    flags = {"regulatory_flag": True, "pii_flag": True}
    return normalize(made | lists | flags | {"rationale": rationale, "confidence": 1})


def tracked(seed: str, *, failed: bool = False) -> tuple[Element, TrackedElement]:
    """Return an element with the longest texts, two suggestions, and perhaps a failure."""
    parts = {part: text(f"{seed}{part}", MAX_TEXT_CHARACTERS) for part in Parts.model_fields}
    cut = {part: {"characters": 10**9, "digest": "d" * 16} for part in parts}
    record_id = f"rec{Random(seed).randbytes(7).hex()}"
    element = Element(record_id, parts, "l" * 120, UNKNOWN_TIME, cut)
    one = TrackedElement(record_id)
    for number in range(2):
        by = replace(PROVENANCE, run_id=f"{ID}{number}")
        one = one.with_suggestion(element, "h" * 32, values(f"{seed}{number}"), by)
    if failed:
        problem = Problem(Reason.MODEL_MALFORMED, text(f"{seed}p", MAX_MESSAGE_CHARACTERS))
        one = one.with_failure(element, problem, replace(PROVENANCE, run_id=f"{ID}1"))
    return element, one


def review() -> Review:
    """Return a review after as many as are kept, each with the longest values."""
    why, act = text("why", MAX_WHY), "a" * 32
    made = Review("changed", values("0"), "s" * 16, CALLER, NOW, (), why, act)
    for number in range(MAX_HISTORY):
        later = Review("changed", values(f"{number}"), "s" * 16, CALLER, NOW, (), why, act)
        made = made.superseded_by(later)
    return made


@largest("scans/reviews")
def _review() -> Document:
    return Document(f"scans/{ID}/reviews/rec", review().document(), 1)


@largest("scans/reviewing")
def _index() -> Document:
    made = {output: list(names) for output, names in labels().items()}
    random = Random(7)
    lines = {
        f"rec{random.randbytes(7).hex()}": Line(
            text(f"n{n}", MAX_NAME),
            text(f"s{n}", MAX_NAME),
            "suggested",
            random.randbytes(8).hex(),
            [*(random.choice(names) for names in made.values()), True, False, 99],
            CALLER,
            random.randbytes(16).hex(),
            True,
        )
        for n in range(20_000 // SHARDS + 250)
    }
    write = Shard(f"scans/{ID}/reviewing/0", None, {}).write(lines, run_id=ID, as_of=NOW)
    return Document(write.path, write.data, 1)


@largest("scans/elements")
def _element() -> Document:
    _, one = tracked("e", failed=True)
    now = replace(one, written="w" * 32, gone_at=NOW)
    by_hand = Review("changed", values("hand"), "s" * 16, CALLER, NOW)
    return Document(f"scans/{ID}/elements/rec", now.document(by_hand), 1)


@largest("runs")
def _run() -> Document:
    seen: Sequence[ReportedElement] = [
        ReportedElement(element, "key", one, None)
        for number in range(55)
        for element, one in [tracked(f"{number}", failed=number % 2 == 0)]
    ]
    ids = frozenset(one.element.record_id for one in seen)
    asked = AskingResult(f"{ID}1", ids, ids, frozenset(), "run.max_calls: 5000")
    return run_with({**run_report(a_scan(), seen, asked, {}).run_fields(99)})


@largest("runs/steps")
def _step() -> Document:
    id_ = "b" * MAX_ID_CHARACTERS
    worst = asdict(ModelUsage(MOST, MOST, MOST, MOST, 0.5))
    parts = [
        BatchPart(n * 1_000, n * 1_000 + 999, 9, id_, id_, NOW, False, worst)
        for n in range(MAX_PARTS)
    ]
    cursor = AskCursor(9, 20_000, "f" * 5_000, "f" * 5_000, "run.max_calls: 5000")
    return step_with(replace(cursor, batches=tuple(map(asdict, parts))).store())


@largest("runs/results")
def _agenda() -> Document:
    ids = [f"rec{Random(n).randbytes(7).hex()}" for n in range(20_000)]
    agenda = Agenda([ids[n : n + 50] for n in range(0, len(ids), 50)])
    return Document("runs/m/results/plan-000000", agenda.documents()[0], 1)


@largest("scans")
async def _head() -> Document:
    world = World()
    await world.registry.save(a_scan(), CALLER)
    return await world.registry.head(ID)


@largest("scans/usage")
def _usage() -> Document:
    day, worst = DayUsage(), ModelUsage(1, MOST, MOST, MOST, 0.5)
    for number in range(20 * MAX_CONCURRENCY):
        day.reserve(call_name(f"{number:032}", 1), worst)
    for number in range(MAX_PARTS):
        day.reserve(BatchPart(number * 1_000).call_name, worst)
    fields = {"day": "2026-03-02", "run_id": ID, "expires_at": NOW} | day.fields()
    return Document(f"scans/{ID}/usage/2026-03-02-{ID}", fields, 1)


class _Said(BaseModel):
    text: str


@largest("answers")
async def _answer() -> Document:
    said = _Said(text=text("a", MAX_ANSWER_BYTES // 4 - 10))
    return await _stored(Answer(MODEL, USAGE, RateLimits(), 1.5, said))


@largest("answers")
async def _failed_answer() -> Document:
    receipt = Receipt(MODEL, USAGE, RateLimits(), 1.5)
    return await _stored(FailedAnswerError(Reason.MODEL_OFF_SCHEMA, text("m", 100_000), receipt))


async def _stored(answer: Answer[_Said] | FailedAnswerError) -> Document:
    store = MemoryStore()
    answers = AnswerStore(store, Payer(ID, ID, CALLER), MODEL, "high")
    question = Question("k", _Said, "i", "t", f"{ID}{ID}", MOST)
    await answers.record(PendingQuestion(question, "h" * 32, MODEL), answer, 0.5, NOW)
    (kept,) = store.all("answers")
    return kept
