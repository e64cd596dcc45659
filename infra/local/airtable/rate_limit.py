"""The request limit of a base, and the lock-out after it."""

from collections import deque

from infra.local.airtable import errors


class RateLimit:
    """A limit of N requests in any one second, and a lock-out after more.

    The window slides, which is the stricter reading of "5 requests per second": a fixed window
    admits 10 around its edge. Airtable does not document which it uses; a client that passes here
    passes there. Requests during the lock-out do not extend it. It ends with an empty window, as
    it does at Airtable after 30 s.
    """

    def __init__(self, per_second: float, lockout: float) -> None:
        self._per_second = per_second
        self._lockout = lockout
        self._admitted: deque[float] = deque()
        self._locked_until = float("-inf")

    def admit(self, now: float) -> None:
        """Count a request at `now`, in monotonic seconds. Raises `RefusedError` (429)."""
        if now < self._locked_until:
            raise errors.rate_limited()
        while self._admitted and self._admitted[0] <= now - 1.0:
            self._admitted.popleft()
        if len(self._admitted) + 1 > self._per_second:
            self._locked_until = now + self._lockout
            self._admitted.clear()
            raise errors.rate_limited()
        self._admitted.append(now)
