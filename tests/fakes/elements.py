"""A classification of some data elements, over a world, a local Airtable and a model."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from infra.local.airtable import LocalAirtable
from infra.local.openai_answers import Asked
from infra.local.openai_classification import answers, classified
from landfall.classification.element_store import Catalogue, Kept
from landfall.classification.scan import ClassificationScan
from landfall.classification.views import Reviewing, Word
from landfall.kinds.definition import parse
from landfall.llm.batch import BatchService
from landfall.llm.batch_step import OpenBatches
from landfall.llm.questions import Question
from landfall.llm.session import OpenModel
from landfall.llm.settings import ModelSettings
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
"""How the four are to be classified, by hand."""

LABEL = "information_security_classification"


def a_classification(**changes: Any) -> ClassificationScan:
    """A small scan: one table, two parts, groups of two."""
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
    """A model's rule: what the stand-in answers."""
    answer: BaseModel = question.shape.model_validate(answered(question))
    return answer


def answered(question: Question[Any]) -> dict[str, Any]:
    """The same as plain values, which a test may spoil."""
    asked = Asked(question.shape.__name__, {}, question.instructions, question.text)
    return answers(asked)


def ids_in(question: Question[Any]) -> list[str]:
    """The elements that a question is about."""
    return [one["id"] for one in answered(question)["elements"]]


def expected(cells: Mapping[str, str]) -> dict[str, Any]:
    """What the stand-in's rules say of an element with these cells."""
    return classified({part: cells[field] for part, field in MAPPING.items() if field in cells})


def _no_batches(_: ModelSettings) -> BatchService:
    raise AssertionError("this scan asks in no batches")


class Elements:
    """The scan, its base and its model; runs of it are driven one after the other."""

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
        """A run; its id."""
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
        """A run driven to its end; its document."""
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

    async def kept(self) -> dict[str, Kept]:
        """Every element as it is stored."""
        return await Catalogue(self.world.runs.store, self.scan.id).all()

    async def labels(self) -> list[str | None]:
        """The classification of each element now, in the order of the records."""
        values = [one.standing.values for one in (await self.kept()).values()]
        return [one[LABEL] if one else None for one in values]

    @property
    def reviewing(self) -> Reviewing:
        """What a person does."""
        return Reviewing(self.world.runs.store, self.world.clock, self.scan)

    async def review(self, number: int, state: Any, values: Any = None) -> Fields:
        """Say something of the n-th element, as it is now."""
        suggestion = (await self.kept())[record_id(number)].entry.suggestion
        suggestion_id = suggestion["suggestion_id"] if suggestion else None
        word = Word(state, suggestion_id, "ann@example.org", values)
        return await self.reviewing.review(record_id(number), word)


def elements_server(*rows: Mapping[str, str], **settings: Any) -> LocalAirtable:
    """A base of these elements; the four by default."""
    return a_server(a_base(**{TABLE: rows or ROWS}), **settings)
