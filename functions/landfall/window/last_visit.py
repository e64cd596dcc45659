"""A person's visits in one browser: a cookie has the last two, so that a page can say what is new.

A visit goes on while there is less than half an hour between two looks.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

COOKIE = "landfall_visits"

PAUSE = timedelta(minutes=30)
"""Time without a look after which the next one begins a new visit."""

COOKIE_SECONDS = 400 * 24 * 3600
"""Lifetime of the cookie: the longest that browsers keep one."""

_FORM = re.compile(r"(\d{1,11})\.(\d{1,11})")


@dataclass(frozen=True)
class Visits:
    """The last look of the visit before this one, and the last look of this one."""

    before: datetime | None
    last: datetime

    @classmethod
    def of(cls, cookie: str | None, now: datetime) -> Self:
        """Return the visits after a look at `now`; a cookie that is none is a first visit."""
        found = _FORM.fullmatch(cookie or "")
        if not found:
            return cls(None, now)
        before, last = (datetime.fromtimestamp(int(text), UTC) for text in found.groups())
        if now - last > PAUSE:
            before = last
        return cls(before if before.timestamp() else None, now)

    def cookie(self, *, secure: bool) -> str:
        """Return the header that sets the cookie."""
        before = int(self.before.timestamp()) if self.before else 0
        value = f"{before}.{int(self.last.timestamp())}"
        more = f"Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax"
        return f"{COOKIE}={value}; {more}{'; Secure' if secure else ''}"
