"""Classifications in a simulation: a table that people edit, and elements that they review."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from infra.local.openai.classification import element_answers
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.scan import ClassificationScan
from landfall.classification.views import Decision, ElementReviews, OutdatedError
from landfall.classification.write_back import hash_cells
from landfall.kinds.registry import Registry
from landfall.llm.model_settings import ModelSettings
from landfall.runs.plan import ALL_ELEMENTS, plan_run
from landfall.runs.runs import Runs
from landfall.store.documents import Fields, Write
from tests.fakes.clients import FakeClients
from tests.fakes.elements import LABEL
from tests.fakes.memory_store import MemoryStore
from tests.simulation.base import BASE_ID
from tests.simulation.batches import Account, TreacherousBatches
from tests.simulation.checker_classification import ClassificationChecker
from tests.simulation.elements import (
    draw_classification,
    draw_elements,
    in_batches,
    sparing,
)
from tests.simulation.faults import Chaos
from tests.simulation.model import TreacherousModel
from tests.simulation.outside import IssueTable, Quiet, TreacherousBase

BATCHES = 0.5
"""Share of the scans that ask in batches."""

SPARING = 0.3
"""Share of the scans with a budget that may not suffice."""


class ClassificationSubject:
    """A `Subject`."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos
        self._table = draw_elements(chaos.random, chaos.random.choice([1, 4, 8]))
        self._model = TreacherousModel(chaos, element_answers)
        self._account = Account(chaos, self._model)
        self._quiet = Quiet()
        self._looks: set[tuple[str, str]] = set()
        self._scans: dict[str, ClassificationScan] = {}
        self._said: dict[tuple[str, str], list[Fields]] = {}
        self._marks: dict[str, str | None] = {}

    def draw_scan(self, random: Random, number: int) -> ClassificationScan:
        """As `Subject.draw_scan`."""
        scan = draw_classification(random, number)
        if random.random() < BATCHES:
            scan = in_batches(scan)
        if random.random() < SPARING:
            scan = sparing(scan, random.randint(1, 8))
        self._scans[scan.id] = scan
        return scan

    @property
    def clients(self) -> FakeClients:
        """As `Subject.clients`."""
        return FakeClients(base=self._open_base, model=self._open_model, batches=self._open_batches)

    def _open_base(self, base_id: str) -> TreacherousBase:
        assert base_id == BASE_ID
        tables = self._table.tables
        return TreacherousBase(self._chaos, tables, IssueTable(), self._quiet, self._looks)

    def _open_model(self, _: ModelSettings) -> TreacherousModel:
        return self._model

    def _open_batches(self, settings: ModelSettings) -> TreacherousBatches:
        assert settings.batch
        return TreacherousBatches(self._account)

    async def touch(self, runs: Runs, registry: Registry, scan: ClassificationScan) -> None:
        """Somebody describes an element anew, reviews one, or has all asked about again."""
        match self._chaos.random.choices(["describe", "review", "regenerate"], [4, 4, 1]):
            case ["describe"]:
                self._table.describe(self._chaos.random)
            case ["review"]:
                await self._review(runs, scan)
            case _:
                await self._regenerate(runs, registry, scan)

    async def _review(self, runs: Runs, scan: ClassificationScan) -> None:
        kept = await ElementStore(runs.store, scan.id).read_all()
        known = [one for one in kept.values() if one.tracked.suggestion]
        if known:
            await self._say(runs, scan, self._chaos.random.choice(known))

    async def _say(self, runs: Runs, scan: ClassificationScan, one: StoredElement) -> None:
        suggestion = one.tracked.suggestion
        assert suggestion is not None
        key, values = (scan.id, one.tracked.record_id), suggestion["values"]
        word = Decision("confirmed", suggestion["suggestion_id"], "person")
        if self._chaos.random.random() < 0.5:
            word = replace(word, state="changed", values={LABEL: "Public"})
            before = self._said.get(key, [values])[-1]
            values = {**before, LABEL: "Public", "rationale": "", "confidence": None}
        try:
            await ElementReviews(runs.store, runs.clock, scan).review(key[1], word)
        except OutdatedError:
            return  # a run was faster: there is another suggestion by now
        self._said[key] = [values]

    async def _regenerate(self, runs: Runs, registry: Registry, scan: ClassificationScan) -> None:
        plan = plan_run(f"r-{runs.clock():%H%M%S%f}", await registry.head(scan.id), "regenerate")
        plan.fields["regenerate"] = ALL_ELEMENTS
        await runs.store.commit(runs.creation(plan, "person"))
        await runs.enqueue(runs.first_task(plan.run_id))

    def written(self, memory: MemoryStore, write: Write) -> Iterator[str]:
        """Yield elements whose record does not have the cells that are marked as written."""
        self._model.look_at(write)
        self._quiet.look_at(memory, write)
        document = memory.get(write.path) if "/elements/" in write.path else None
        if document is None or document.data["written"] == self._marks.get(write.path):
            return
        self._marks[write.path] = mark = document.data["written"]
        fill = self._scans[write.path.split("/")[1]].write_back
        assert fill is not None
        (record,) = (one for one in self._table.records if one["id"] == document.id)
        cells = {field: record["fields"].get(field) for field in fill.fields.chosen().values()}
        if mark != (hash_cells(cells) if any(cells.values()) else None):
            yield f"{write.path} says that it is filled in, and its record has {cells}"

    def checker(self) -> ClassificationChecker:
        """As `Subject.checker`."""
        return ClassificationChecker(self._scans, {BASE_ID: self._table}, self._said, self._looks)

    def broken(self, memory: MemoryStore) -> Iterator[str]:
        """As `Subject.broken`."""
        yield from self._model.broken(memory, "classification", self._account.run_ids)
        yield from self._account.broken(memory)
        yield from self._overspent(memory)
        yield from self._quiet.broken

    def _overspent(self, memory: MemoryStore) -> Iterator[str]:
        """Yield runs and scans that have paid for more calls than their budgets allow."""
        for scan in self._scans.values():
            budget, sold = scan.model.budget, self._model.sold
            runs = [run.id for run in memory.all("runs") if run.data["scan_id"] == scan.id]
            for spent, limit in (
                *((sold[run_id], budget.run.max_calls) for run_id in runs),
                (sum(sold[run_id] for run_id in runs), budget.day.max_calls),
            ):
                assert limit is not None
                if spent > limit:
                    yield f"{scan.id} paid for {spent} calls, and may pay for {limit}"
