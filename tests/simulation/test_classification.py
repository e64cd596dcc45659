"""Simulated days of classifications: planted bugs are seen, and without them nothing is."""

from unittest.mock import patch

import pytest

from landfall import suggesting
from landfall.catalogues import Kept
from landfall.documents import Put
from landfall.runs import Claim
from tests.simulation.classification import broken_rules

SEEDS = range(1, 41)


def unguarded_elements():
    """A run writes an element over whatever has been said of it meanwhile."""
    return patch.object(Kept, "write", lambda _, path, entry: Put(path, entry.document(None)))


def a_persons_word_is_forgotten():
    """What is confirmed or changed is what the model says all the same."""
    return patch("landfall.classification.reviews.SETTLED", frozenset())


def answered_and_not_saved():
    """The answers are counted, and their documents are not written."""
    checkpoint = Claim.checkpoint

    async def forgetful(self, cursor, run=None, writes=()):
        kept = [write for write in writes if "/elements/" not in write.path]
        await checkpoint(self, cursor, run, kept)

    return patch.object(Claim, "checkpoint", forgetful)


def failures_counted_as_answers():
    """An answer that cannot be used is a good one in the counts."""
    return patch.object(suggesting.Outcome, "good", True)


BUGS = (
    unguarded_elements,
    a_persons_word_is_forgotten,
    answered_and_not_saved,
    failures_counted_as_answers,
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_caught(bug):
    """A simulation that does not see a bug proves nothing."""
    with bug():
        assert any(broken_rules(seed) for seed in SEEDS)


def test_without_a_bug_nothing_is_caught():
    """The same seeds, as the code is."""
    assert [broken_rules(seed) for seed in SEEDS] == [[]] * len(SEEDS)
