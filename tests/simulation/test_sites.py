"""Simulated days of site scans: planted bugs are seen, and without them nothing is."""

from unittest.mock import patch

import pytest

from landfall.runs import Claim
from landfall.site.itinerary import Itinerary
from landfall.site.judging import Judgements
from landfall.site.robots import Robots
from landfall.site_scoring import SiteScoring
from tests.simulation.sites import broken_rules

SEEDS = range(1, 41)


def captured_and_not_saved():
    """The itinerary names pages whose documents are not written."""
    checkpoint = Claim.checkpoint

    async def forgetful(self, cursor, run=None, writes=()):
        kept = [write for write in writes if not write.path.endswith("/pages/000002")]
        await checkpoint(self, cursor, run, kept)

    return patch.object(Claim, "checkpoint", forgetful)


def robots_are_not_asked():
    """Everything is allowed."""
    return patch.object(Robots, "allow", lambda *_: True)


def what_was_missed_is_not_told():
    """A run says that it has seen everything."""
    return patch("landfall.site.report.why_inconclusive", lambda *_: [])


def a_failed_answer_is_a_score():
    """Judgements are complete when something came of every page."""
    return patch.object(Judgements, "complete", property(lambda self: self.judged == self.pages))


def progress_is_forgotten():
    """Each invocation begins at the beginning."""
    return patch.object(Itinerary, "load", lambda _: None)


def answers_are_counted_again():
    """An invocation that goes on asks about every page."""

    async def none(_):
        return {}

    return patch.object(SiteScoring, "_kept_judgements", none)


BUGS = (
    captured_and_not_saved,
    robots_are_not_asked,
    what_was_missed_is_not_told,
    a_failed_answer_is_a_score,
    progress_is_forgotten,
    answers_are_counted_again,
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_caught(bug):
    """A simulation that does not see a bug proves nothing."""
    with bug():
        assert any(broken_rules(seed) for seed in SEEDS)


def test_without_a_bug_nothing_is_caught():
    """The same seeds, as the code is."""
    assert [broken_rules(seed) for seed in SEEDS] == [[]] * len(SEEDS)
