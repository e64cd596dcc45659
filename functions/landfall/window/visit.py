"""The contract of the window: a screen is a use case and a template.

    Screen ──show──> View (a template and its values), Elsewhere (after an act), or a Download

A page asks the use cases of the api, with a `Request` of theirs, and has no other way to the data.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from landfall.access.roles import Rank, RankName, needed_by
from landfall.api.downloads import Download
from landfall.api.request import Request
from landfall.reasons import BadRequestError
from landfall.store.documents import Fields

MAX_FORM = 100_000
"""Bytes of a form; the longest text in one has 500 characters."""

MAX_FORM_FIELDS = 100

SOON = 2
"""Seconds until a page that shows something in motion looks again."""

LATER = 15
"""Seconds until a page at rest looks again."""


@dataclass(frozen=True)
class Visit:
    """A person's request for a page: the person, the query, the form, and the way to use cases."""

    asked: Request
    path: str
    health: Callable[[], Awaitable[tuple[bool, Fields]]]
    """The use case of `GET /health`."""
    looked: datetime | None = None
    """The end of the person's visit before this one, in this browser."""

    @property
    def person(self) -> str:
        """The e-mail address of the person."""
        return self.asked.by

    @property
    def now(self) -> datetime:
        """The moment, by the clock of the engine."""
        return self.asked.runs.clock()

    @property
    def query(self) -> Mapping[str, str]:
        """The query of the address."""
        return self.asked.parameters

    def form(self, max_bytes: int = MAX_FORM) -> dict[str, str]:
        """Return the fields of the form that was sent. Raises `BadRequestError`."""
        if len(self.asked.body) > max_bytes:
            raise BadRequestError(f"the form has more than {max_bytes:,} bytes; shorten its texts")
        try:
            text = self.asked.body.decode()
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
        except ValueError:
            raise BadRequestError("the form is not in the form that browsers send") from None
        return {name: value.replace("\r\n", "\n") for name, value in fields}

    def ask(
        self,
        parameters: Mapping[str, str] | None = None,
        body: Fields | None = None,
        key: str | None = None,
        text: str = "",
        match: str | None = None,
    ) -> Request:
        """Return a request for a use case of the api, of this person; its body may be a `text`."""
        sent = text.encode() if body is None else json.dumps(body).encode()
        return replace(self.asked, parameters=parameters or {}, body=sent, key=key, match=match)


@dataclass(frozen=True)
class View:
    """A page to show: its template, and the values that it shows.

    `refresh` is the time in seconds after which an open page looks again; None for one that shows
    what does not change by itself.
    """

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    refresh: int | None = None

    def answered(self, status: int) -> Self:
        """Return the page with another status."""
        return replace(self, status=status)


@dataclass(frozen=True)
class Elsewhere:
    """The way on after an act: the page that shows what was done.

    `did` is a key of `DONE`, empty where the page itself says it; `query` has further parameters of
    the page, such as its filters.
    """

    path: str
    did: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address, with the act in its query."""
        query = {**self.query, "did": self.did} if self.did else self.query
        return f"{self.path}?{urlencode(query)}" if query else self.path


Shown = View | Elsewhere | Download


@dataclass(frozen=True)
class Screen:
    """A method, a path and what shows it. Each `{id}` of the path is an argument of `show`.

    `pulse` is a text that is the same while the page would be the same: it costs a few reads, and
    an open page that looks again is only made anew when it differs. It is read before the page, so
    a page is never older than its tag.
    """

    method: str
    path: str
    show: Callable[..., Awaitable[Shown]]
    pulse: Callable[..., Awaitable[str]] | None = None
    role: RankName | None = None
    """The role that it needs; unstated, a reader's to see, and an admin's to act."""

    @property
    def needs(self) -> Rank:
        """The role that a person needs."""
        return needed_by(self.method, self.role)
