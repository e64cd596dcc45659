"""The score step of an integrity scan: evaluate the rules, and end the run with a verdict.

    pages ──> snapshot ──> one report per rule ──> the updated ledger of findings ──> the run's end

A step that fits into one invocation is one commit: the end of the run, the head of the ledger, and
the changes in it. When the step's budget ends after a rule, the reports so far are stored in
`runs/{run}/results/part-{n}`, and the next invocation continues with the next rule. When more
findings changed than fit into a commit, the ledger is written first, and the documents of single
findings after it. Where findings are to be written back, the write step follows.
"""

from landfall.airtable.fetched import Fetched, remember_size
from landfall.deadlines import Deadline
from landfall.integrity.evaluation import Evaluation
from landfall.integrity.findings.ledger_room import within_room
from landfall.integrity.findings.ledger_store import LedgerStore
from landfall.integrity.findings.lists import ListMissingError
from landfall.integrity.following import Following
from landfall.integrity.publication import Publication
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.score_cursor import ScoreCursor
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.store.documents import both


class ScoreRules:
    """One invocation of a score step."""

    def __init__(self, claim: Claim, scan: IntegrityScan) -> None:
        self._claim = claim
        self._cursor = ScoreCursor(**(claim.step.cursor or {}))
        self._ledgers = LedgerStore(claim.engine.store, scan.id, scan.base)
        self._evaluation = Evaluation(claim, scan, self._cursor)
        self._publication = Publication(claim, scan, self._cursor)

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Evaluate rules until all are done, or until the deadline.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        fetched = Fetched.load((await self._claim.handover()).fields)
        published = self._cursor.published is not None
        try:
            kept, (read, _) = await both(
                self._ledgers.load(),
                both(
                    self._evaluation.read(None if published else fetched),
                    remember_size(self._claim, fetched.records),
                ),
            )
        except ListMissingError as error:
            raise _list_missing(error, self._ledgers.path) from error
        if published:
            following = Following(self._claim, self._cursor, self._ledgers)
            return await following.follow(kept.ledger, None, deadline)
        reports = await self._evaluation.go_on(read, fetched, kept.ledger, deadline)
        if reports is None:
            return Again()
        known = kept.ledger
        reports = within_room(known.rules, known.entries, reports, fetched.ids)
        return await self._publication.publish(fetched, kept, reports, deadline)


def _list_missing(error: ListMissingError, path: str) -> StepError:
    return StepError(
        Reason.FINDINGS_MISSING,
        f"the list of findings of earlier runs is not complete: {error}; delete {path} to start "
        "a new one",
    )
