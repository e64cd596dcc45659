"""The texts of a model's answer, as they may be stored, shown and written to a table.

A page or a record can bring a model to repeat what is harmful elsewhere: characters that nobody
sees, HTML, a picture whose address carries data away, a formula of a spreadsheet.
"""

import html
import re

from landfall.llm.quoting import visible_text

MAX_LAYERS = 3
"""Times that entities and tags are looked for: one may hide another."""


def plain_text(text: str, max_characters: int) -> str:
    """Return a text without invisible characters, markup, and the sign that begins a formula.

    It is cut after `max_characters`.
    """
    found = visible_text(text, len(text)).text
    for _ in range(MAX_LAYERS):
        bare = _MARKUP.sub("", _LINK.sub(r"\1", html.unescape(found)))
        if bare == found:
            break
        found = bare
    found = visible_text(found, len(found)).text  # an entity may be such a character
    return _FORMULA.sub(_without_sign, found.strip(), count=1)[:max_characters].rstrip()


_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?:/?[a-zA-Z]|[!?])[^<>]*>|<[a-zA-Z]\w*[\s/][^<>]*\Z", re.DOTALL
)
"""A comment, a tag, or the beginning of one at the end of the text; but no `a < b`."""

_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()]|\([^()]*\))*\)")
"""A link or a picture of Markdown, which Airtable shows as such."""

_FORMULA = re.compile(
    r"\A(?:[\s'\"]*[=+@|%\-\uff0b\uff0d\uff1d\uff20\ufe62\ufe63\ufe66\ufe6b])+[\s'\"]*"
)
"""Signs behind which a spreadsheet reads a formula, also in other widths."""

_NEGATIVE = re.compile(r"[\-\ufe63\uff0d]\Z")


def _without_sign(signs: re.Match[str]) -> str:
    """Return what stands for the signs: the true minus sign of a number, or nothing."""
    of_number = signs.string[signs.end() : signs.end() + 1].isdigit()
    return "\N{MINUS SIGN}" if of_number and _NEGATIVE.search(signs[0]) else ""
