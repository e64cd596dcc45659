"""What a campaign has left, made ready for the checkers that judge simulations too."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from infra.local.openai.completions import ModelCall
from infra.local.stack import Stack
from landfall.classification.answer import answer_shape
from landfall.classification.labels import Labels
from landfall.classification.prompt import Prompt
from landfall.deadlines import Ladder
from landfall.llm.questions import Question
from landfall.site import prompt
from landfall.store.documents import Fields, Put, Query
from landfall.store.firestore import FirestoreStore
from landfall.store.versions import DOCUMENT_KINDS
from tests.chaos.people import People
from tests.chaos.workload import Workload
from tests.fakes.memory_store import MemoryStore
from tests.simulation.base import ISSUES
from tests.simulation.checker import KindChecker
from tests.simulation.checker_answers import EFFORT, MODEL, Paid, paid_again, usage_of
from tests.simulation.checker_classification import ClassificationChecker
from tests.simulation.checker_integrity import IntegrityChecker
from tests.simulation.checker_sites import SiteChecker
from tests.simulation.pages import FORBIDDEN

PAGE = 100
"""Documents that are copied from the database at once."""

AWAY = timedelta(seconds=25)
"""Firestore stands still or is away for 20 s: so long after it was made, an answer is kept."""


async def copied(store: FirestoreStore) -> MemoryStore:
    """Everything that is in the database, of every kind, to be judged at leisure."""
    memory = MemoryStore()
    paths: dict[str, list[str]] = {"": [""]}
    for kind in DOCUMENT_KINDS:  # what documents lie below comes before them
        above, _, name = kind.rpartition("/")
        paths[kind] = []
        for parent in paths[above]:
            paths[kind] += await _copy(store, memory, f"{parent}/{name}".lstrip("/"))
    return memory


async def _copy(store: FirestoreStore, memory: MemoryStore, collection: str) -> list[str]:
    """The paths of its documents."""
    copied: list[str] = []
    last: str | None = None
    while found := await store.find(Query(collection, after=last, limit=PAGE)):
        await memory.commit([Put(document.path, document.data) for document in found])
        copied += [document.path for document in found]
        last = found[-1].id
        if len(found) < PAGE:
            break
    return copied


class AnyLook(frozenset[tuple[str, str]]):
    """The stand-in may have said of any table, for once, that there are no records."""

    def __contains__(self, _: object) -> bool:
        return True


def checkers(stack: Stack, workload: Workload, people: People) -> dict[str, KindChecker]:
    """Those of each kind of scan."""
    bases = {load.scan.base: load.base for load in workload.integrity}
    tables = {load.scan.base: load.table for load in workload.classification}
    classifications = {load.scan.id: load.scan for load in workload.classification}
    sites = {load.scan.id: load.scan for load in workload.site}
    return {
        "integrity": IntegrityChecker(bases, _issues(stack, workload), AnyLook()),
        "classification": ClassificationChecker(classifications, tables, people.said, AnyLook()),
        "site": SiteChecker(sites),
    }


def _issues(stack: Stack, workload: Workload) -> dict[str, list[Fields]]:
    """The rows that were written back, by base."""
    assert stack.airtable is not None
    airtable, bases = stack.airtable, [load.scan.base for load in workload.integrity]
    return {base: [dict(r["fields"]) for r in airtable.records(base, ISSUES)] for base in bases}


def outside(stack: Stack, memory: MemoryStore, ladder: Ladder) -> Iterator[str]:
    """What is wrong with what the vendors were asked for."""
    assert stack.openai is not None
    # a worker that stood still may have begun before that
    longest = timedelta(seconds=ladder.lease + ladder.step)
    paid = [Paid(answer_of(call), at - longest) for at, call in stack.openai.calls]
    kept = {one.id: one.data["created_at"] + AWAY for one in memory.all("answers")}
    if not any(one.answer in kept for one in paid):
        yield f"of {len(paid)} answers none is kept"
    yield from paid_again(paid, kept)
    usage = [one for path, one in memory.whole().items() if "/usage/" in path]
    used, lost, charged = (use.calls for use in usage_of(usage))
    asked = len(stack.openai.requests)
    if used - lost > asked or charged < len(paid):
        yield f"{len(paid)} of {asked} calls were paid for, and runs count {charged}, {lost} lost"
    for url, site in stack.sites.items():
        if any(path.startswith(FORBIDDEN) for path in site.paths):
            yield f"{url} was asked for what its robots.txt forbids"


_SHAPES: Mapping[str, tuple[type, str]] = {
    "ElementAnswers": (answer_shape(Labels()), Prompt(Labels()).version),
    "PageJudgement": (prompt.PageJudgement, prompt.PROMPT_VERSION),
}
"""Shape and version of each question, by the name of its schema."""


def answer_of(call: ModelCall) -> str:
    """The id under which the answer to a call is kept."""
    shape, version = _SHAPES[call.question.name]
    question: Question[Any] = Question(
        "", shape, call.question.instructions, call.question.text, version, 0
    )
    return question.hash(MODEL, EFFORT)
