"""Report of a classification's run: its verdict, its counts, and the elements to look at."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.airtable.values import truncate
from landfall.classification.answer import FLAGS
from landfall.classification.elements import Element, describe_cut
from landfall.classification.reviews import (
    SETTLED,
    STATES,
    Classification,
    Review,
    difference,
)
from landfall.classification.scan import ClassificationScan
from landfall.classification.tracked_element import TrackedElement
from landfall.runs.report import RunReport, verdict_of, within_room
from landfall.store.documents import Fields

MAX_LISTED = 50
"""Elements, and names of models, in each list of a report; the api returns all of the elements."""


@dataclass(frozen=True)
class _ListDetails:
    """The details of a report: the elements `listed`, and the characters of each `text` of them."""

    listed: int
    text: int


DETAILS = (_ListDetails(MAX_LISTED, 10_000), _ListDetails(MAX_LISTED, 200), _ListDetails(20, 60))
"""From the most to the fewest: a report has the first that fit into the run's document."""

MAX_EXAMPLES = 3
"""Examples of each reason for a failure."""


@dataclass(frozen=True)
class ReportedElement:
    """An element at the end of a run: as it is in the table, as it is stored, and its review.

    `prompt_key` is that of the run.
    """

    element: Element
    prompt_key: str
    tracked: TrackedElement
    review: Review | None

    @property
    def settled(self) -> bool:
        """Return whether a person has confirmed or changed it."""
        return self.review is not None and self.review.state in SETTLED

    @property
    def state(self) -> str:
        """Its state that is in effect."""
        return Classification.of(self.tracked.suggestion, self.review).state

    @property
    def values(self) -> Mapping[str, Any] | None:
        """Its values that are in effect, if there are any."""
        return Classification.of(self.tracked.suggestion, self.review).values

    @property
    def up_to_date(self) -> bool:
        """Return whether it has an intact suggestion for its present text."""
        return self.tracked.has_suggestion_for(self.element.hash(self.prompt_key))

    @property
    def changed_since_review(self) -> bool:
        """Return whether its text has changed since a person confirmed or changed it."""
        told, cut = self.tracked.told, self.tracked.cut
        return self.settled and (told != self.element.parts or cut not in (None, self.element.cut))


def empty_report(why: str) -> RunReport:
    """Return the report of a run that could not ask about anything."""
    return RunReport("inconclusive", {"elements": 0}, [{"what": "nothing_asked", "why": why}], {})


@dataclass(frozen=True)
class AskingResult:
    """Ids of the elements that a run planned to ask about, and of those with and without an answer.

    `spent` is the limit of the budget that ended the questions.
    """

    run_id: str
    planned: frozenset[str]
    answered: frozenset[str]
    failed: frozenset[str]
    spent: str | None


def run_report(
    scan: ClassificationScan,
    seen: Sequence[ReportedElement],
    asked: AskingResult,
    handover: Fields | None = None,
) -> RunReport:
    """Return the report of a run about the elements of the table.

    It has as many details as fit into the run's document, beside the handover to its step.
    """
    answered = [one for one in seen if one.element.record_id in asked.answered]
    # another run may have read the record later: its suggestion stands then
    verified = sum(
        one.up_to_date or one.tracked.is_newer_than(one.element.fetched_at) for one in answered
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
        "outdated": sum(not one.up_to_date for one in rest),
    }
    inconclusive = list(_inconclusive(len(seen), lacking, asked.spent))
    ours = [one for one in seen if _of_run(one.tracked.suggestion, asked.run_id)]
    failed = [one for one in seen if _of_run(one.tracked.failure, asked.run_id)]
    verdict = verdict_of("healthy", inconclusive)

    def report(details: _ListDetails) -> RunReport:
        fields = _fields(scan, seen, ours, failed, details.listed)
        return RunReport(verdict, counts, inconclusive, shortened(fields, details.text))

    return within_room(report, DETAILS, handover)


def shortened(value: Any, most: int) -> Any:
    """Return a value whose texts have at most so many characters."""
    if isinstance(value, dict):
        return {name: shortened(one, most) for name, one in value.items()}
    if isinstance(value, list):
        return [shortened(one, most) for one in value]
    return truncate(value, most) if isinstance(value, str) else value


def _of_run(what: Mapping[str, Any] | None, run_id: str) -> bool:
    return what is not None and what["run_id"] == run_id


_EXPLANATIONS = {
    "failed": "the model's answers about them could not be used; the next run asks again",
    "left": "they were not asked about; the next run continues",
    "not_stored": "the stored suggestions are not the answers; the next run asks again",
    "rejected": "a person has rejected the suggestions: change them, or regenerate",
    "outdated": "the suggestions are not about the present records; the next run asks again",
}


def _inconclusive(elements: int, lacking: Mapping[str, int], spent: str | None) -> Iterator[Fields]:
    """Yield the reasons for which an element has neither a good suggestion nor a decision."""
    if not elements:
        yield {"what": "no_elements", "count": 0, "why": "the table has no element"}
    for what, count in lacking.items():
        if count > 0:
            why = _EXPLANATIONS[what]
            if what == "left" and spent:
                why = f"the budget is spent ({spent}); the next run continues"
            yield {"what": what, "count": count, "why": why}


def _fields(
    scan: ClassificationScan,
    seen: Sequence[ReportedElement],
    ours: Sequence[ReportedElement],
    failed: Sequence[ReportedElement],
    listed: int,
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
    cut = [one for one in seen if one.element.cut]
    return {
        "coverage": {"with_values": len(with_values), "of": len(seen)},
        "labels": labels,
        "flags": flags,
        "low_confidence": {
            "count": len(unsure),
            "elements": [_shown(one) | _why(one) for one in unsure[:listed]],
        },
        "models": sorted(
            {one.tracked.suggestion["model"] for one in seen if one.tracked.suggestion}
        )[:MAX_LISTED],
        "cut": {
            "count": len(cut),
            "elements": [
                _shown(one) | {"cut": describe_cut(one.element.cut)} for one in cut[:listed]
            ],
        },
        "failures": _failures(failed),
        "changes": _changes(ours, listed),
        "changed_since_review": {
            "count": len(outdated),
            "elements": [_shown(one) for one in outdated[:listed]],
        },
    }


def _confidence(one: ReportedElement) -> int:
    assert one.values is not None
    return int(one.values["confidence"])


def _why(one: ReportedElement) -> Fields:
    assert one.values is not None
    return {"confidence": _confidence(one), "rationale": one.values["rationale"]}


def _failures(failed: Sequence[ReportedElement]) -> Fields:
    by_reason: dict[str, list[ReportedElement]] = defaultdict(list)
    for one in failed:
        assert one.tracked.failure is not None
        by_reason[one.tracked.failure["reason"]].append(one)
    return {
        reason: {
            "count": len(some),
            "examples": [
                _shown(one) | {"message": one.tracked.failure and one.tracked.failure["message"]}
                for one in some[:MAX_EXAMPLES]
            ],
        }
        for reason, some in by_reason.items()
    }


def _changes(ours: Sequence[ReportedElement], listed: int) -> Fields:
    """Compare the suggestions of this run with those before them."""
    again = [one for one in ours if one.tracked.previous]
    changed = [(one, what) for one in again if (what := _difference(one.tracked))]
    return {
        "asked_again": len(again),
        "changed": len(changed),
        "elements": [_shown(one) | {"difference": what} for one, what in changed[:listed]],
    }


def _difference(entry: TrackedElement) -> Fields:
    assert entry.previous
    assert entry.suggestion
    return difference(entry.previous["values"], entry.suggestion["values"])


def _shown(one: ReportedElement) -> Fields:
    element = one.element
    name = element.parts.get("name", element.record_id)
    return {"record_id": element.record_id, "name": name, "link": element.link}
