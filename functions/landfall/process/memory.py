"""The memory of this process, in MB of 10^6 bytes."""

import os
import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")


def peak_mb() -> float:
    """Return the peak resident memory of the process, which a function's limit must exceed.

    Linux reports it in units of 1,024 bytes (macOS in bytes; nothing is deployed there).
    """
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def rss_mb() -> float:
    """Return the present resident memory, or the peak where the system does not report it."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except OSError:
        return peak_mb()
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
