"""Definitions of scans, as people write them: their kind, limits and schedule.

`load` turns YAML or JSON text into a `Scan` of its kind, or raises a `DefinitionError` that names
the file, the line and the fix.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any

from pydantic import ValidationError

from landfall.kinds.meant_lines import MeantLines
from landfall.kinds.problems import Problems, no_kind
from landfall.kinds.table import KINDS
from landfall.reasons import BadRequestError
from landfall.scans.plain import Content
from landfall.scans.scan import Scan
from landfall.scans.settings import Checks

MAX_BYTES = 900_000
"""Bytes of a definition as it is stored; a document of Firestore has 1 MiB."""


MAX_LINES = 100
"""Problems of a definition that are reported."""

MAX_PROBLEMS = 30_000
"""Problems that are listed by pydantic, which nothing can interrupt: in 0.1 s."""

MAX_LINE = 1000
"""Characters of a problem, which may show what somebody typed."""


class DefinitionError(BadRequestError):
    """The definition cannot be used. The message has a line for each problem: place, cause, fix."""


MAX_CHECK_SECONDS = 5.0
"""Seconds for the long checks of a new definition; 500 common queries are compiled in 0.2 s."""


def load(text: str, source: str) -> Scan:
    """Read a scan from YAML or JSON text. Raises `DefinitionError`, which names the `source`."""
    from landfall.scans.json_text import TextError
    from landfall.scans.yaml_text import read_text, with_lines  # YAML takes 13 ms to import

    try:
        content = read_text(text)
    except TextError as error:
        raise _refused(map(MeantLines(text).behind, str(error).splitlines()), source) from None
    if content.value is None:
        raise _refused(["this is empty; begin with `id: my-scan`"], source)
    if not isinstance(content.value, dict):
        raise _refused(["expected `name: value` lines that begin with `id: my-scan`"], source)
    checks = Checks(needed=True, until=time.monotonic() + MAX_CHECK_SECONDS)
    return _read(content, source, partial(with_lines, content, text), checks, text)


def parse(content: dict[str, Any], source: str, *, accepted: bool = False) -> Scan:
    """Read a scan from plain values. Raises `DefinitionError`, which names the `source`.

    Of one that was `accepted` when it was saved, the queries are not compiled again.
    """
    plain = Content(content)
    return _read(plain, source, lambda: plain, Checks(needed=not accepted))


def _read(
    content: Content,
    source: str,
    with_lines: Callable[[], Content],
    checks: Checks,
    text: str = "",
) -> Scan:
    kind = content.value.get("kind")
    known = KINDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        place = Problems(Scan, with_lines()).place(("kind",))
        problem = place + no_kind(kind, KINDS, "scan")
        raise _refused([MeantLines(text).behind(problem)], source)
    model = known.scan()
    try:
        scan = model.model_validate(content.value, context=checks)
    except ValidationError as error:
        if error.error_count() > MAX_PROBLEMS:
            count = f"this has {error.error_count():,} problems"
            raise _refused([f"{count}, too many to show; begin with an example"], source) from None
        problems = error.errors(include_url=False)
        lines = Problems(model, with_lines()).lines(problems)
        raise _refused(map(MeantLines(text).behind, lines), source) from None
    size = len(scan.text().encode())
    if size > MAX_BYTES:
        message = (
            f"the definition has {size:,} bytes, and at most {MAX_BYTES:,} can be stored; make "
            "several scans of it"
        )
        raise _refused([message], source)
    return scan


def _refused(problems: Iterable[str], source: str) -> DefinitionError:
    # names and values in a problem may break lines
    found = [" ".join(one.splitlines()) for one in islice(problems, MAX_LINES + 1)]
    shown = [one if len(one) <= MAX_LINE else f"{one[:MAX_LINE]}..." for one in found[:MAX_LINES]]
    if len(found) > MAX_LINES:
        shown.append("and more problems")
    return DefinitionError("\n".join(f"{source}: {problem}" for problem in shown))
