"""Bugs that we plant in site scans, as in `mutants`."""

from typing import Any
from unittest.mock import patch

from landfall.runs.claim import Claim
from landfall.site import fetch as site_fetch
from landfall.site.crawl import Crawl
from landfall.site.judgement import Judgements
from landfall.site.robots import Robots
from tests.simulation.mutants import Planted
from tests.simulation.mutants_classification import (
    calls_have_no_receipt,
    costs_counted_twice,
    retries_are_free,
)


def captured_and_not_saved() -> Planted:
    """The crawl refers to pages whose documents are not written."""
    checkpoint = Claim.checkpoint

    async def forgetful(self: Claim, cursor: Any = None, run: Any = None, writes: Any = ()) -> None:
        kept = [write for write in writes if not write.path.endswith("/pages/000002")]
        await checkpoint(self, cursor, run, kept)

    return patch.object(Claim, "checkpoint", forgetful)


def robots_are_not_asked() -> Planted:
    """Everything is allowed."""
    return patch.object(Robots, "allow", lambda *_: True)


def missed_pages_are_not_reported() -> Planted:
    """A run says that it has seen everything."""
    return patch("landfall.site.report.why_inconclusive", lambda *_: [])


def a_failed_answer_is_a_score() -> Planted:
    """Judgements are complete when every page has an answer, valid or not."""

    def complete(self: Judgements) -> bool:
        return self.judged == self.pages

    return patch.object(Judgements, "complete", property(complete))


def progress_is_forgotten() -> Planted:
    """Each invocation begins at the beginning."""

    class Forgotten(Crawl):
        @classmethod
        def load(cls, _: object) -> None:
            return None

    return patch.object(site_fetch, "Crawl", Forgotten)


SITE_MUTANTS = (
    captured_and_not_saved,
    robots_are_not_asked,
    missed_pages_are_not_reported,
    a_failed_answer_is_a_score,
    progress_is_forgotten,
    # a call is counted once by its name, so to ask again about an answered page costs nothing
    costs_counted_twice,
    retries_are_free,
    calls_have_no_receipt,
)
