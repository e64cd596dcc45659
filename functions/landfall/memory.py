"""How much memory this process holds."""

import os
import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")


def rss_mb() -> float:
    """Resident memory in MB of 10^6 bytes: now, or its peak where the system does not say now.

    `/proc/self/statm` counts pages; `ru_maxrss` is in units of 1,024 bytes (macOS: in bytes, which
    has neither this file nor our functions).
    """
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except OSError:
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
