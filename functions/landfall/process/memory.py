"""How much memory this process holds, in MB of 10^6 bytes."""

import os
import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")


def peak_mb() -> float:
    """The most that was resident since the process began: what a function's limit must exceed.

    Linux counts it in units of 1,024 bytes. (macOS: in bytes; nothing is deployed there.)
    """
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def rss_mb() -> float:
    """What is resident now; where the system does not say that, the peak."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except OSError:
        return peak_mb()
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
