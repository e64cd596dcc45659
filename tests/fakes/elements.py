"""A classification of some data elements, over a world, a local Airtable and a model."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from infra.local.airtable.server import LocalAirtable
from infra.local.openai.answers import ParsedQuestion
from infra.local.openai.classification import classify, element_answers
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.scan import ClassificationScan
from landfall.classification.views import Decision, ElementReviews
from landfall.kinds.definition import parse
from landfall.llm.batch import BatchService
from landfall.llm.batch_step import OpenBatches
from landfall.llm.model_settings import ModelSettings
from landfall.llm.questions import Question
from landfall.llm.session import OpenModel
from landfall.reasons import Reason
from landfall.runs.kind import Outcome
from landfall.runs.plan import plan_run
from landfall.runs.tasks import Task
from landfall.store.documents import Fields
from tests.fakes.bases import BASE, a_base, a_server, record_id
from tests.fakes.clients import FakeClients
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import drive_with, opening, work_with
from tests.fakes.world import World

TABLE = "Elements"
MAPPING = {"name": "Name", "description": "Description"}

DIAGNOSIS = {
    "Name": "Primary diagnosis",
    "Description": "ICD-10 code of the main diagnosis of a visit",
}
PHONE = {"Name": "Patient phone", "Description": "Telephone number for reminders"}
ROOM = {"Name": "Treatment room", "Description": "Room in which a treatment takes place"}
HOURS = {"Name": "Opening hours", "Description": "As they stand on the door"}
ROWS = (DIAGNOSIS, PHONE, ROOM, HOURS)
LABELS = ("HRCI", "Confidential", "Proprietary", "Public")
"""Correct labels of the four, by hand."""

LABEL = "information_security_classification"


def a_classification(**changes: Any) -> ClassificationScan:
    """Return a small scan: one table, two parts, groups of two."""
    content: dict[str, Any] = {
        "id": "catalogue",
        "kind": "classification",
        "base": BASE,
        "table": TABLE,
        "mapping": MAPPING,
        "group_size": 2,
    }
    scan = parse(content | changes, "test")
    assert isinstance(scan, ClassificationScan)
    return scan


def by_the_rules(question: Question[Any]) -> BaseModel:
    """Answer as the stand-in does: a rule of a fake model."""
    answer: BaseModel = question.shape.model_validate(answered(question))
    return answer


def answered(question: Question[Any]) -> dict[str, Any]:
    """Return the stand-in's answer as plain values, which a test may change."""
    asked = ParsedQuestion(question.shape.__name__, {}, question.instructions, question.text)
    return element_answers(asked)


def ids_in(question: Question[Any]) -> list[str]:
    """Return the ids of the elements of a question."""
    return [one["id"] for one in answered(question)["elements"]]


def expected(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return the stand-in's values for an element with these cells."""
    return classify({part: cells[field] for part, field in MAPPING.items() if field in cells})


def _no_batches(_: ModelSettings) -> BatchService:
    raise AssertionError("this scan asks in no batches")


class Elements:
    """A scan, its base and its model; its runs are driven one after another."""

    def __init__(
        self,
        server: LocalAirtable,
        open_model: OpenModel,
        world: World | None = None,
        open_batches: OpenBatches = _no_batches,
        **scan: Any,
    ) -> None:
        self.server = server
        self.open_model = open_model
        self.open_batches = open_batches
        self.world = world or World(MemoryStore())
        self.scan = a_classification(**scan)
        self.runs = 0

    async def start(self, regenerate: Sequence[str] | str | None = None) -> str:
        """Start a run. Return its id."""
        await self.world.registry.save(self.scan, "tester")
        self.runs += 1
        run_id = f"m-{self.runs}"
        self.world.clock.advance(60)
        head = await self.world.registry.head(self.scan.id)
        plan = plan_run(run_id, head, "manual")
        if regenerate:
            plan.fields["regenerate"] = regenerate
        await self.world.runs.store.commit(self.world.runs.creation(plan, "tester"))
        await self.world.runs.enqueue(self.world.runs.first_task(run_id))
        return run_id

    async def run(self, regenerate: Sequence[str] | str | None = None) -> Fields:
        """Drive a run to its end. Return its document."""
        run_id = await self.start(regenerate)
        await drive_with(self.world, self.clients, run_id)
        return (await self.world.run(run_id)).data

    async def deliver(self, task: Task) -> Outcome | Reason:
        """One task, at its moment; what became of it."""
        self.world.clock.now = max(self.world.clock.now, task.at)
        return await work_with(self.world, task, self.clients)

    @property
    def clients(self) -> FakeClients:
        """The clients of the scan's steps."""
        return FakeClients(
            base=opening(self.world, self.server),
            model=self.open_model,
            batches=self.open_batches,
        )

    def put(self, number: int, **cells: str) -> None:
        """Give the n-th element these cells, from 1 on."""
        record = {"id": record_id(number), "createdTime": "2026-01-01T00:00:00.000Z"}
        self.server.put(BASE, TABLE, record | {"fields": cells})

    async def stored(self) -> dict[str, StoredElement]:
        """Return all stored elements."""
        return await ElementStore(self.world.runs.store, self.scan.id).read_all()

    async def labels(self) -> list[str | None]:
        """Return the label of each element, in the order of the records."""
        values = [one.classification.values for one in (await self.stored()).values()]
        return [one[LABEL] if one else None for one in values]

    @property
    def reviewing(self) -> ElementReviews:
        """The reviews of the scan."""
        return ElementReviews(self.world.runs.store, self.world.clock, self.scan)

    async def review(self, number: int, state: Any, values: Any = None) -> Fields:
        """Review the n-th element, as it is now."""
        suggestion = (await self.stored())[record_id(number)].tracked.suggestion
        suggestion_id = suggestion["suggestion_id"] if suggestion else None
        word = Decision(state, suggestion_id, "ann@example.org", values)
        return await self.reviewing.review(record_id(number), word)


def elements_server(*rows: Mapping[str, str], **settings: Any) -> LocalAirtable:
    """Return a server with a base of these elements; the four by default."""
    return a_server(a_base(**{TABLE: rows or ROWS}), **settings)
