"""Environments for other tools that a benchmark compares ours to, made when first needed."""

import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.bench.whole_process import ROOT, FailedError, run

CONSTRAINTS = ROOT / "infra/constraints.txt"
OURS = ROOT / "requirements.txt"

SYSTEM = "/usr/bin/python3"
"""Distributions build theirs with profile-guided optimisation, as Google's published scripts built
its Python runtimes. In one that was compiled without, ours takes a sixth more.
"""

_USABLE = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"


async def environment(name: str, others: Path, install: bool) -> tuple[str, str]:
    """Return the Python of an environment with ours and these requirements, and why it lacks the
    others, if so.

    Installs them only if told to; otherwise, and where that fails, it is the Python of this
    process.
    """
    folder = ROOT / name
    requirements: Sequence[Path] = (OURS, others)
    wanted = "\n".join(it.read_text(encoding="utf-8") for it in (CONSTRAINTS, *requirements))
    python, stamp = folder / "bin/python", folder / ".installed"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        if not install:
            return sys.executable, "not installed"
        pip = (python, "-m", "pip", "install", "-qq", "--disable-pip-version-check")
        try:
            await run(await _interpreter(), "-m", "venv", "--clear", folder)
            await run(*pip, "-r", OURS)
            await run(*pip, "-r", others)  # by itself: ours are listed with hashes, others are not
        except FailedError as error:
            shutil.rmtree(folder, ignore_errors=True)
            return sys.executable, f"not installed: {error}"
        stamp.write_text(wanted, encoding="utf-8")
    await run(python, "-m", "compileall", "-q", ROOT / "functions")
    return str(python), ""


async def _interpreter() -> str:
    """Return the system's Python where it is usable, else that of this process."""
    if shutil.which(SYSTEM):
        with suppress(FailedError):
            await run(SYSTEM, "-c", _USABLE)
            return SYSTEM
    return sys.executable
