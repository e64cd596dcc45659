"""Write infra/hashes.txt: every package that the functions run with, and the hashes of its files.

`python -m tests.generated.hashes INDEX` asks a package index for them. With hashes, pip installs
those files alone, wherever it gets them from, and no package that is not in the list.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from urllib.request import Request, urlopen

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename

from tests.generated.markdown import ROOT

FILE = ROOT / "infra/hashes.txt"

PYTHONS = ("3.11", "3.12", "3.13")

HEAD = """\
# The packages that the functions run with, and the hashes of their files: pip takes no others.
# Written by `python -m tests.generated.hashes INDEX`.
"""


def pins() -> dict[str, str]:
    """Return the version of each package of infra/constraints.txt, by its canonical name."""
    lines = (ROOT / "infra/constraints.txt").read_text().split()
    pairs = (line.split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pairs}


def packages() -> list[str]:
    """Return the canonical names of the packages of the functions, on any supported Python."""
    text = (ROOT / "requirements.txt").read_text()
    asked = [Requirement(it) for it in re.findall(r"^([\w.-]+==\S+)", text, re.MULTILINE)]
    known: set[tuple[str, str]] = set()
    while asked:
        one = asked.pop()
        for extra in ("", *one.extras):
            key = (canonicalize_name(one.name), extra)
            if key not in known:
                known.add(key)
                asked += _needed(one.name, extra)
    return sorted({name for name, _ in known})


def _needed(name: str, extra: str) -> Iterator[Requirement]:
    for line in requires(name) or []:
        needed = Requirement(line)
        marker = needed.marker
        if not extra if marker is None else any(_holds(marker, it, extra) for it in PYTHONS):
            yield needed


def _holds(marker: Marker, python: str, extra: str) -> bool:
    return marker.evaluate(
        {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
    )


def _hashes(index: str, name: str, version: str) -> list[str]:
    """Return the SHA-256 of the wheels of a version that our Pythons may install."""
    request = Request(  # noqa: S310  # an index that a developer names
        f"{index}/{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        files = json.load(answer)["files"]
    found = []
    for file in files:
        if f"-{version}-" in file["filename"] and file["filename"].endswith(".whl"):
            *_, tags = parse_wheel_filename(file["filename"])
            if any(map(is_ours, tags)):
                found.append(file["hashes"]["sha256"])
    return sorted(found)


def is_ours(tag: Tag) -> bool:
    """Return whether our Pythons may install a wheel; one of abi3 is for later ones, too."""
    ours = {f"cp{it.replace('.', '')}" for it in PYTHONS}
    if tag.interpreter in ours | {"py3", "py2"}:
        return True
    older = re.fullmatch(r"cp3([0-9]{1,2})", tag.interpreter)
    newest = int(PYTHONS[-1].partition(".")[2])
    return tag.abi == "abi3" and older is not None and int(older[1]) <= newest


def main(index: str) -> None:
    """Write the file."""
    pinned = pins()
    blocks = []
    for name in packages():
        hashes = _hashes(index, name, pinned[name])
        lines = [f"{name}=={pinned[name]}", *(f"    --hash=sha256:{it}" for it in hashes)]
        blocks.append(" \\\n".join(lines) + "\n")
    FILE.write_text(HEAD + "".join(blocks))


if __name__ == "__main__":
    main(sys.argv[1])
