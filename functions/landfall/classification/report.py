"""What a run of a classification came to: its verdict, its counts, and what to look at."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.classification.answer import FLAGS
from landfall.classification.elements import Element
from landfall.classification.entry import Entry
from landfall.classification.reviews import SETTLED, STATES, Review, difference, standing
from landfall.classification.scan import ClassificationScan
from landfall.runs.documents import Verdict
from landfall.runs.report import RunReport
from landfall.store.documents import Fields

LISTED = 50
"""Elements of a kind that a report lists; the api has all of them."""

EXAMPLES = 3


@dataclass(frozen=True)
class Seen:
    """An element at the end of a run: what it is in the table, how it is asked about, what is
    known of it, and what a person says."""

    element: Element
    asked_how: str
    entry: Entry
    review: Review | None

    @property
    def settled(self) -> bool:
        """Whether a person's word is all that counts."""
        return self.review is not None and self.review.state in SETTLED

    @property
    def state(self) -> str:
        """What the element is now."""
        return standing(self.entry.suggestion, self.review).state

    @property
    def values(self) -> Mapping[str, Any] | None:
        """Its values now, if it has any."""
        return standing(self.entry.suggestion, self.review).values

    @property
    def good(self) -> bool:
        """Whether the model has a suggestion about what the element is now, as it was answered."""
        return self.entry.answers(self.element.hash(self.asked_how))

    @property
    def changed_since_review(self) -> bool:
        """Whether the table says something else than what the person has spoken of."""
        return self.settled and self.entry.told != self.element.told


def nothing_asked(why: str) -> RunReport:
    """Of a run that found nothing that it could ask about."""
    return RunReport("inconclusive", {"elements": 0}, [{"what": "nothing_asked", "why": why}], {})


@dataclass(frozen=True)
class Outcomes:
    """What came of a run's asking: the ids of the elements that it set out to ask about, and of
    those with a good answer and without. `spent` is the limit of the budget that ended the
    asking."""

    run_id: str
    planned: frozenset[str]
    answered: frozenset[str]
    failed: frozenset[str]
    spent: str | None


def run_report(scan: ClassificationScan, seen: Sequence[Seen], asked: Outcomes) -> RunReport:
    """What a run says; `seen` are the elements of the table as they are stored."""
    answered = [one for one in seen if one.element.record_id in asked.answered]
    # another run may have read the record later, and has the word then
    verified = sum(
        one.good or one.entry.knows_later_than(one.element.fetched_at) for one in answered
    )
    left = len(asked.planned) - len(asked.answered) - len(asked.failed)
    states = Counter(one.state for one in seen)
    rest = [one for one in seen if one.element.record_id not in asked.planned and not one.settled]
    counts: Fields = {
        "elements": len(seen),
        "classified": len(asked.answered),
        "unchanged": len(seen) - len(asked.planned),
        "failed": len(asked.failed),
        "left": left,
        "verified": verified,
        **{state: states[state] for state in STATES if states[state]},
    }
    lacking = {
        "failed": len(asked.failed),
        "left": left,
        "not_stored": len(asked.answered) - verified,
        "rejected": states["rejected"],
        "outdated": sum(not one.good for one in rest),
    }
    inconclusive = list(_inconclusive(len(seen), lacking, asked.spent))
    verdict: Verdict = "inconclusive" if inconclusive else "healthy"
    ours = [one for one in seen if _of_run(one.entry.suggestion, asked.run_id)]
    failed = [one for one in seen if _of_run(one.entry.failure, asked.run_id)]
    return RunReport(verdict, counts, inconclusive, _fields(scan, seen, ours, failed))


def _of_run(what: Mapping[str, Any] | None, run_id: str) -> bool:
    return what is not None and what["run_id"] == run_id


_WHY = {
    "failed": "the model's answers about them could not be used; the next run asks again",
    "left": "they were not asked about; the next run goes on",
    "not_stored": "what is stored is not what was answered; the next run asks again",
    "rejected": "a person has rejected what the model suggests: change it, or regenerate",
    "outdated": "what is suggested is not about what this run has read; the next run settles it",
}


def _inconclusive(elements: int, lacking: Mapping[str, int], spent: str | None) -> Iterator[Fields]:
    """Why not every element has a good suggestion, or a person's word."""
    if not elements:
        yield {"what": "no_elements", "count": 0, "why": "the table has no element"}
    for what, count in lacking.items():
        if count > 0:
            why = f"the budget is spent ({spent}); the next run goes on"
            said = why if what == "left" and spent else _WHY[what]
            yield {"what": what, "count": count, "why": said}


def _fields(
    scan: ClassificationScan, seen: Sequence[Seen], ours: Sequence[Seen], failed: Sequence[Seen]
) -> Fields:
    with_values = [values for one in seen if (values := one.values)]
    labels = {
        output: {name: sum(values[output] == name for values in with_values) for name in names}
        for output, names in scan.labels.choices().items()
    }
    flags = {flag: sum(values[flag] for values in with_values) for flag in FLAGS}
    unsure = sorted(
        (
            one
            for one in seen
            if one.state == "suggested" and _confidence(one) < scan.low_confidence
        ),
        key=_confidence,
    )
    outdated = [one for one in seen if one.changed_since_review]
    return {
        "coverage": {"with_values": len(with_values), "of": len(seen)},
        "labels": labels,
        "flags": flags,
        "low_confidence": {
            "count": len(unsure),
            "elements": [_shown(one) | _why(one) for one in unsure[:LISTED]],
        },
        "models": sorted({one.entry.suggestion["model"] for one in seen if one.entry.suggestion}),
        "failures": _failures(failed),
        "changes": _changes(ours),
        "changed_since_review": {
            "count": len(outdated),
            "elements": [_shown(one) for one in outdated[:LISTED]],
        },
    }


def _confidence(one: Seen) -> int:
    assert one.values is not None
    return int(one.values["confidence"])


def _why(one: Seen) -> Fields:
    assert one.values is not None
    return {"confidence": _confidence(one), "rationale": one.values["rationale"]}


def _failures(failed: Sequence[Seen]) -> Fields:
    by_reason: dict[str, list[Seen]] = defaultdict(list)
    for one in failed:
        assert one.entry.failure is not None
        by_reason[one.entry.failure["reason"]].append(one)
    return {
        reason: {
            "count": len(some),
            "examples": [
                _shown(one) | {"message": one.entry.failure and one.entry.failure["message"]}
                for one in some[:EXAMPLES]
            ],
        }
        for reason, some in by_reason.items()
    }


def _changes(ours: Sequence[Seen]) -> Fields:
    """What the suggestions of this run say that those before them did not."""
    again = [one for one in ours if one.entry.previous]
    changed = [(one, what) for one in again if (what := _difference(one.entry))]
    return {
        "asked_again": len(again),
        "changed": len(changed),
        "elements": [_shown(one) | {"difference": what} for one, what in changed[:LISTED]],
    }


def _difference(entry: Entry) -> Fields:
    assert entry.previous
    assert entry.suggestion
    return difference(entry.previous["values"], entry.suggestion["values"])


def _shown(one: Seen) -> Fields:
    element = one.element
    name = element.told.get("name", element.record_id)
    return {"record_id": element.record_id, "name": name, "link": element.link}
