"""Bugs that we plant in classifications, as in `mutants`."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from landfall.classification.element_store import StoredElement
from landfall.classification.review_index import Shard, packed
from landfall.classification.suggestion import Suggestion
from landfall.classification.tracked_element import TrackedElement
from landfall.llm.answer_store import AnswerStore
from landfall.llm.attempts import PendingQuestion
from landfall.llm.batch_collection import BatchCollection
from landfall.llm.budget import Spending
from landfall.llm.usage import ModelUsage
from landfall.runs.claim import Claim
from landfall.runs.worker import Worker
from landfall.store.documents import Put
from tests.simulation.batches import TreacherousBatches
from tests.simulation.checker_answers import EFFORT, MODEL
from tests.simulation.mutants import Planted


def unguarded_elements() -> Planted:
    """A run writes an element over whatever has been said of it meanwhile."""
    return patch.object(
        StoredElement, "write", lambda _, path, entry: Put(path, entry.document(None))
    )


def a_persons_word_is_forgotten() -> Planted:
    """What is confirmed or changed is what the model says all the same."""
    return patch("landfall.classification.reviews.SETTLED", frozenset())


def answered_and_not_saved() -> Planted:
    """The answers are counted, and their documents are not written."""
    checkpoint = Claim.checkpoint

    async def forgetful(self: Claim, cursor: Any = None, run: Any = None, writes: Any = ()) -> None:
        kept = [write for write in writes if "/elements/" not in write.path]
        await checkpoint(self, cursor, run, kept)

    return patch.object(Claim, "checkpoint", forgetful)


def failures_counted_as_answers() -> Planted:
    """An answer that cannot be used is a good one in the counts."""
    return patch.object(Suggestion, "good", True)


def a_failure_takes_an_answers_place() -> Planted:
    """An element that could not be asked about again has no suggestion any more."""
    failed = TrackedElement.with_failure

    def forgetful(self: TrackedElement, *arguments: Any) -> TrackedElement:
        return replace(failed(self, *arguments), suggestion=None)

    return patch.object(TrackedElement, "with_failure", forgetful)


def whoever_comes_last_has_the_word() -> Planted:
    """What a run read before another one did takes that one's place."""
    return patch.object(TrackedElement, "is_newer_than", lambda *_: False)


def kept_answers_are_not_found() -> Planted:
    """Every question is asked, whatever was paid for before."""

    async def look_up(_: AnswerStore, questions: Any) -> list[PendingQuestion[Any]]:
        return [PendingQuestion(one, one.hash(MODEL, EFFORT), MODEL) for one in questions]

    return patch.object(AnswerStore, "look_up", look_up)


async def _nothing(*_: Any) -> None:
    return None


def batches_are_not_looked_for() -> Planted:
    """A batch is created without a look whether it is there already."""
    return patch.object(TreacherousBatches, "find", _nothing)


def batches_answer_in_vain() -> Planted:
    """What a batch has answered is not kept; all of it is asked once more."""
    return patch.object(BatchCollection, "_store", _nothing)


def late_batches_are_left_alone() -> Planted:
    """A batch that is not through before the end of its run goes on, and is paid."""
    return patch.object(TreacherousBatches, "cancel", _nothing)


def batches_outlive_their_runs() -> Planted:
    """A run that is cancelled leaves its batches as they are."""
    return patch.object(Worker, "_abandon", _nothing)


def retries_are_free() -> Planted:
    """The second attempt at a question is not charged to the budget."""
    settle = Spending.settle

    def lenient(self: Spending, name: str, used: ModelUsage) -> None:
        if name.endswith("-2"):
            self.release(name)
        else:
            settle(self, name, used)

    return patch.object(Spending, "settle", lenient)


def costs_counted_twice() -> Planted:
    """An answer that is found is counted, although its call was."""
    restored = PendingQuestion.restored

    def uncounted(self: PendingQuestion[Any], stored: Any) -> PendingQuestion[Any]:
        return replace(restored(self, stored), older=True)

    return patch.object(PendingQuestion, "restored", uncounted)


def calls_have_no_receipt() -> Planted:
    """A call is sent before the store knows of it."""
    return patch.object(Claim, "store_companion", _nothing)


def lost_answers_are_free() -> Planted:
    """A call whose answer does not arrive is not charged."""
    return patch.object(Spending, "lose", Spending.release)


def runs_do_not_look_at_each_other() -> Planted:
    """A run asks as long as its own calls are within the budget of the day."""
    return patch.object(Spending, "_of_others", lambda *_: ModelUsage())


def only_what_is_kept_of_a_batch_is_counted() -> Planted:
    """Another run was faster to store an answer, and the batch has paid for it too."""
    collect = BatchCollection.collect

    async def stored(self: BatchCollection, part: Any, batch: Any) -> ModelUsage | None:
        kept = await self._pending(part)
        used = await collect(self, part, batch)
        if used is None:
            return None
        share = len(kept) / (part.end - part.first)
        return ModelUsage(*(round(amount * share) for amount in vars(used).values()))

    return patch.object(BatchCollection, "collect", stored)


def decisions_are_lost_to_the_index() -> Planted:
    """A run writes what it has read of the elements over what people decided meanwhile."""

    def blind(self: Shard, lines: Any, **more: Any) -> Put:
        fields = self.document.data if self.document else {"whole": False}
        return Put(self.path, fields | {"packed": [packed(lines)], "records": len(lines)} | more)

    return patch.object(Shard, "write", blind)


def the_index_knows_no_decisions() -> Planted:
    """A person's decision leaves the index as it is."""
    return patch.object(Shard, "changed", lambda self, _: self.write(self.lines))


CLASSIFICATION_MUTANTS = (
    decisions_are_lost_to_the_index,
    the_index_knows_no_decisions,
    retries_are_free,
    costs_counted_twice,
    calls_have_no_receipt,
    lost_answers_are_free,
    runs_do_not_look_at_each_other,
    only_what_is_kept_of_a_batch_is_counted,
    unguarded_elements,
    a_persons_word_is_forgotten,
    answered_and_not_saved,
    failures_counted_as_answers,
    a_failure_takes_an_answers_place,
    whoever_comes_last_has_the_word,
    kept_answers_are_not_found,
    batches_are_not_looked_for,
    batches_answer_in_vain,
    late_batches_are_left_alone,
    batches_outlive_their_runs,
)
