"""The versions in a function: its revision, Python, and packages that speak to others."""

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "functions-framework",
    "google-cloud-firestore",
    "google-cloud-tasks",
    "httpx",
    "openai",
    "pyairtable",
    "pydantic",
)
"""The framework, the clients of services, and what checks definitions."""


@cache
def packages() -> Mapping[str, str]:
    """Return the installed version of each of `PACKAGES`; those that are missing are left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def versions(revision: str) -> dict[str, object]:
    """Return the revision of the function's service, None outside Cloud Run, and the versions."""
    return {
        "revision": revision or None,
        "python": platform.python_version(),
        "packages": dict(packages()),
    }
