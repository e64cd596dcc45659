"""Checker of classification runs: no element or answer is lost, and none is invented."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.openai.classification import classify
from landfall.classification.ask_cursor import AskCursor, places_in
from landfall.classification.elements import Element, elements_of
from landfall.classification.prompt import Prompt
from landfall.classification.review_index import is_older, line_of, read_shard
from landfall.classification.reviews import SETTLED, Classification, Review
from landfall.classification.scan import ClassificationScan
from landfall.classification.tracked_element import TrackedElement, is_intact
from landfall.store.documents import Document, Fields
from tests.fakes.memory_store import MemoryStore
from tests.simulation.checker import Looks, blank, of_tables, of_verdict, tables_of
from tests.simulation.checker_answers import EFFORT, MODEL
from tests.simulation.elements import TABLE, ElementTable

Decisions = Mapping[tuple[str, str], Sequence[Fields]]
"""Values that a person may have given an element: one, if it is known."""


@dataclass(frozen=True)
class ClassificationChecker:
    """A `KindChecker`. `scans` are by id, `tables` by base."""

    scans: Mapping[str, ClassificationScan]
    tables: Mapping[str, ElementTable]
    decided: Decisions
    looks: Looks = ()

    def of_done(self, memory: MemoryStore, run: Document) -> Iterator[str]:
        """As `KindChecker.of_done`."""
        scan, counts = self.scans[run.data["scan_id"]], run.data["counts"]
        there, read = self.tables[scan.base], tables_of(memory, run)
        if blank(run, read, self.looks):
            yield from of_verdict(run)
            return
        yield from of_tables(read, there.tables)
        parts = ("classified", "unchanged", "failed", "left")
        if sum(counts[part] for part in parts) != len(there.records):
            yield f"lost an element: {counts}"
        if counts["classified"] != counts["verified"]:
            yield f"claims to have stored suggestions that it has not: {counts}"
        yield from of_verdict(run)
        if run.data["verdict"] == "healthy":
            if counts["failed"] or counts["left"]:
                yield f"is healthy, with {counts}"
            yield from self._of_health(memory, scan, run)

    def of_all(self, memory: MemoryStore) -> Iterator[str]:
        """As `KindChecker.of_all`."""
        for run in memory.all("runs"):
            if run.data["kind"] == "classification":
                yield from (f"{run.id}: {what}" for what in self._of_answers(memory, run))
        for scan in self.scans.values():
            for document in memory.all(f"scans/{scan.id}/elements"):
                for what in self._of_element(memory, scan, document):
                    yield f"{document.path}: {what}"
            yield from self._of_index(memory, scan)

    def _of_index(self, memory: MemoryStore, scan: ClassificationScan) -> Iterator[str]:
        """Check that who reviews sees what is stored, wherever the index is taken for whole."""
        shards = [read_shard(one.path, one) for one in memory.all(f"scans/{scan.id}/reviewing")]
        ended = [
            run.data
            for run in memory.all("runs")
            if run.data["scan_id"] == scan.id and run.data.get("finished_at")
        ]
        last = max(ended, key=lambda run: run["finished_at"], default=None)
        if not shards or not all(shard.whole for shard in shards) or is_older(shards[0], last):
            return
        lines = {key: line for shard in shards for key, line in shard.lines.items()}
        stored = memory.all(f"scans/{scan.id}/elements")
        right = {one.id: line_of(*_stored(memory, one)) for one in stored}
        if lines != right:
            wrong = {key for key in lines.keys() | right if lines.get(key) != right.get(key)}
            yield f"the index of {scan.id} is wrong about {sorted(wrong)}"

    def _of_element(
        self, memory: MemoryStore, scan: ClassificationScan, document: Document
    ) -> Iterator[str]:
        entry, review = _stored(memory, document)
        if entry.gone_at:
            yield "is marked as gone, and its record is there"
        now = Classification.of(entry.suggestion, review)
        if (document.data["state"], document.data["values"]) != (now.state, now.values):
            yield f"says {document.data['state']}, and is {now.state}"
        if entry.suggestion:
            yield from self._of_suggestion(scan, entry)
        decided = self.decided.get((scan.id, entry.record_id), ())
        if decided and now.values not in decided:
            yield f"a person decided {decided}, and it is {now.values}"

    def _of_suggestion(self, scan: ClassificationScan, entry: TrackedElement) -> Iterator[str]:
        """Check that a suggestion was answered about a text of the element."""
        suggestion = entry.suggestion
        assert suggestion is not None
        if not is_intact(suggestion):
            yield "its suggestion is not what was answered"
        prompt_key = _prompt_key(scan)
        told = [
            told
            for told in self.tables[scan.base].told[entry.record_id]
            if Element(entry.record_id, told).hash(prompt_key) == suggestion["hash"]
        ]
        if suggestion["values"] not in map(classify, told):
            yield f"{suggestion['values']} was never answered about it"

    def _of_health(
        self, memory: MemoryStore, scan: ClassificationScan, run: Document
    ) -> Iterator[str]:
        """Check that each element of a healthy run has a good answer or a decision."""
        stored = f"scans/{scan.id}/elements"
        for element in _read(memory, scan, run):
            document = memory.get(f"{stored}/{element.record_id}")
            if document is None:
                yield f"is healthy, and has lost {element.record_id}"
                continue
            entry, review = _stored(memory, document)
            if review and review.state in SETTLED:
                continue
            if not self._is_of(scan, element, entry.suggestion):
                yield f"is healthy, and {element.record_id} is suggested something else"

    def _is_of(
        self, scan: ClassificationScan, element: Element, suggestion: Mapping[str, Any] | None
    ) -> bool:
        """Return whether a suggestion is about this text of the element, or a later one."""
        told, prompt_key = self.tables[scan.base].told[element.record_id], _prompt_key(scan)
        since = told[told.index(element.parts) :]
        return suggestion is not None and suggestion["hash"] in {
            Element(element.record_id, one).hash(prompt_key) for one in since
        }

    def _of_answers(self, memory: MemoryStore, run: Document) -> Iterator[str]:
        """Check that the answers of a run are stored, or later ones."""
        score = memory.get(f"{run.path}/steps/score")
        if score is None or score.data["cursor"] is None:
            return
        progress = AskCursor(**score.data["cursor"])
        scan, asked_about = self.scans[run.data["scan_id"]], _asked_about(memory, run)
        if len(asked_about) != len(set(asked_about)):
            yield f"asked about an element twice: {asked_about}"
        counts = run.data["counts"]
        if progress.answered != counts.get("classified", 0):
            yield f"has {progress.answered} answers, and counts {counts}"
        read = {element.record_id: element for element in _read(memory, scan, run)}
        for record_id in map(asked_about.__getitem__, places_in(progress.good)):
            document = memory.get(f"scans/{scan.id}/elements/{record_id}")
            known = document.data["suggestion"] if document else None
            if not self._is_of(scan, read[record_id], known):
                yield f"has lost its answer about {record_id}"


def _read(memory: MemoryStore, scan: ClassificationScan, run: Document) -> list[Element]:
    """Return the elements as a run has read them."""
    fields = scan.mapping.fields()
    return elements_of(tables_of(memory, run)[TABLE], fields, lambda _: "")


def _asked_about(memory: MemoryStore, run: Document) -> list[str]:
    plans = [one for one in memory.all(f"{run.path}/results") if one.id.startswith("plan-")]
    pieces = [json.loads(zlib.decompress(piece)) for plan in plans for piece in plan.data["packed"]]
    return [record_id for groups in pieces for group in groups for record_id in group]


def _prompt_key(scan: ClassificationScan) -> str:
    return Prompt(scan.labels).key(MODEL, EFFORT)


def _stored(memory: MemoryStore, document: Document) -> tuple[TrackedElement, Review | None]:
    """Return an element and its review."""
    review = memory.get(document.path.replace("/elements/", "/reviews/"))
    return TrackedElement.load(document.id, document.data), Review.load(
        review.data
    ) if review else None
