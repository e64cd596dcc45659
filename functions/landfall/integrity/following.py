"""The documents of single findings, which are written after the ledger that they follow."""

from collections.abc import Set

from landfall.deadlines import Deadline
from landfall.integrity.ending import end
from landfall.integrity.findings.ledger import Ledger
from landfall.integrity.findings.ledger_store import LedgerStore
from landfall.integrity.score_cursor import ScoreCursor
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.store import commit_size
from landfall.store.commit_size import groups
from landfall.store.documents import Document, Update


class Following:
    """The writing of the documents of the findings that a run has changed."""

    def __init__(self, claim: Claim, cursor: ScoreCursor, ledgers: LedgerStore) -> None:
        self._claim = claim
        self._cursor = cursor
        self._ledgers = ledgers
        self._reserve = claim.reserve(claim.engine.ladder.last_rule)

    async def follow(
        self, ledger: Ledger, changed: Set[str] | None, deadline: Deadline
    ) -> Outcome | Again:
        """Write the documents of findings, unless a later run has written the ledger since.

        `changed` are the ids of the changed findings; None is all of them.
        """
        follow = [
            (number, entry)
            for number, entry in enumerate(ledger.entries)
            if number >= self._cursor.followed
            and entry.documented
            and (changed is None or entry.id in changed)
        ]
        while follow:
            if deadline.remaining() <= self._reserve:
                return Again()
            head = await self._own_head()
            if head is None:
                break
            made = self._ledgers.documents(
                ledger, [entry for _, entry in follow[: commit_size.MAX_COMMIT_WRITES]]
            )
            made = groups(made)[0]
            some, follow = follow[: len(made)], follow[len(made) :]
            self._cursor.followed = some[-1][0] + 1
            guard = Update(head.path, {"followed": False}, head.version)
            await self._claim.checkpoint(self._cursor, writes=[guard, *made])
        head = await self._own_head()
        done = [Update(head.path, {"followed": True}, head.version)] if head else []
        return await end(self._claim, self._cursor, writes=done)

    async def _own_head(self) -> Document | None:
        """Return the head of the ledger, if it is still the one that this run has written."""
        (head,) = await self._claim.engine.store.read(self._ledgers.path)
        return head if head and head.data["number"] == self._cursor.published else None
