"""The tokens of pages of findings."""

import re
from dataclasses import dataclass
from typing import Self

from landfall.reasons import BadRequestError

_TOKEN = re.compile(r"([0-9]{1,18})(?:\.([A-Za-z0-9_][A-Za-z0-9_.:-]{0,199}))?")


@dataclass(frozen=True)
class PageToken:
    """The beginning of a page: a position in the list that a run wrote, so that whoever follows
    the tokens see one list, whatever is found or decided meanwhile.

    A number alone, as people write it, is that of wanted findings to `skip` in the current list.
    """

    position: int = 0
    skip: int = 0
    list: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token. Raises `BadRequestError`."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            raise BadRequestError("`page_token` must be the `next_page_token` of an earlier answer")
        number, run_id = int(match[1]), match[2]
        return cls(number, 0, run_id) if run_id else cls(0, number)

    def __str__(self) -> str:
        """Return the token as text."""
        return f"{self.position}.{self.list}"
