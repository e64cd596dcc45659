"""The redaction of secrets from text that is stored, logged, printed or sent in a response.

A secret is masked in each form in which it may come back: as it is, as JSON, Python, a URL or
base64 spells it, and in parts, where a text was cut before. So a text is cut only after its
redaction.
"""

import base64
import json
import re
import sys
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

MAX_MESSAGE = 1_000
"""Characters of an error's message that are stored."""

MAX_TRACEBACK = 5_000
"""Characters of a traceback that are stored: its end, where the error is."""

MIN_SECRET = 6
"""Characters of a secret; fewer are a placeholder (`none`), and stand in ordinary words."""

MIN_PART = 10
"""Characters of a part of a secret that are masked."""

MIN_VARIETY = 5
"""Different characters of such a part: a run of zeros is in many ids."""

MAX_FORM = 4_000
"""Characters of a form, from its beginning, of which parts are looked for."""

_STEP = MIN_PART // 2
"""Characters that are looked up at every such place of a text: each part has such a piece."""

_PLACES = 4
"""Places in the forms that are compared with one of a text; the same piece may be in many."""

# Keys in the formats of the services that we call, for those that the configuration lacks.
_KEYS = re.compile(
    r"""(?x)
      \bpat[A-Za-z0-9]{14}\.[A-Fa-f0-9]{16,}                # an Airtable personal access token
    | \bsk-(?=[\w-]*[0-9])(?=[\w-]*[A-Z])[\w-]{16,}        # an OpenAI key, and no other word
    """
)
_TOKENS = re.compile(
    r"""(?ix)
    (?<=bearer\s)[\w.~+/=-]{8,}              # an Authorization header
    | \beyJ[\w-]{8,}\.[\w-]+\.[\w-]*         # a JSON web token
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)        # user and password in a URL
    """
)
_MASK = "[redacted]"


class Redactor:
    """A mask for the given secrets, and for anything that looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._forms: list[str] = []
        self._pieces: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        self.add(*secrets)

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def add(self, *secrets: str) -> None:
        """Mask these too."""
        new = {one for one in secrets if len(one.strip()) >= MIN_SECRET} - self._secrets
        self._secrets |= new
        forms = {form for secret in new for form in _forms(secret)}
        self._forms = sorted([*self._forms, *forms], key=len, reverse=True)
        for form in {form[:MAX_FORM] for form in forms}:
            for at in range(len(form) - _STEP + 1):
                piece = form[at : at + _STEP]
                if len(set(piece)) > _STEP // 2 and len(self._pieces[piece]) < _PLACES:
                    self._pieces[piece].append((form, at))

    def keys(self, text: str) -> str:
        """Return the text without secrets, and without keys of the services that we call."""
        for form in self._forms:
            text = text.replace(form, _MASK)
        return _KEYS.sub(_MASK, self._without_parts(text))

    def text(self, text: str) -> str:
        """Return the text without secrets, and without anything that looks like one."""
        return _TOKENS.sub(_MASK, self.keys(text))

    def message(self, text: str) -> str:
        """Return an error's message without secrets, at most `MAX_MESSAGE` characters."""
        return self.text(text)[:MAX_MESSAGE]

    def traceback(self, error: BaseException) -> str:
        """Return the error's traceback without secrets, at most `MAX_TRACEBACK` characters."""
        return self.text("".join(traceback.format_exception(error)))[-MAX_TRACEBACK:]

    def _without_parts(self, text: str) -> str:
        kept, end = [], 0
        for at in range(0, len(text) - _STEP + 1, _STEP) if self._pieces else ():
            places = self._pieces.get(text[at : at + _STEP])
            if places is None or at < end:
                continue
            parts = [_extent(text, at, form, place) for form, place in places]
            start, stop = max(parts, key=lambda part: part[1] - part[0])
            if stop - start >= MIN_PART and len(set(text[start:stop])) >= MIN_VARIETY:
                kept += [text[end:start], _MASK]
                end = stop
        return "".join([*kept, text[end:]]) if kept else text


OURS = Redactor()
"""The secrets of this process. A program adds those that it is given."""


class _RedactedStream:
    """A text stream that masks `OURS` in whatever is written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(OURS.keys(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_output(*secrets: str) -> None:
    """Mask these secrets, and those that are added to `OURS`, in all that this process prints."""
    OURS.add(*secrets)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, _RedactedStream):
            setattr(sys, name, _RedactedStream(stream))


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a secret may come back."""
    bare = secret.strip()
    # a line of it, where a text was split
    for one in {bare, *(line.strip() for line in bare.splitlines())}:
        if len(one) >= MIN_SECRET:
            yield from _spellings(one)


def _spellings(text: str) -> Iterator[str]:
    data = text.encode(errors="surrogatepass")
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield repr(data)[2:-1]
    for safe in ("", "/", "/:=+"):
        yield quote(data, safe=safe)
    yield quote_plus(data)
    # whatever stands before it: base64 knows three places of a byte
    for before, lost in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        end = None if (before + len(data)) % 3 == 0 else -1
        yield encoded[lost:end]
        yield encoded[lost:end].replace("+", "-").replace("/", "_")


def _extent(text: str, at: int, form: str, place: int) -> tuple[int, int]:
    """Return how far a text and a form agree around a place of each."""
    before = _agreeing(text[max(0, at - place) : at][::-1], form[:place][::-1])
    return at - before, at + _agreeing(text[at : at + len(form)], form[place:])


def _agreeing(one: str, other: str) -> int:
    """Return the number of characters with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
