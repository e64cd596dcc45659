"""The memory of this process, in MB of 10^6 bytes."""

import contextlib
import os
import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Names of glibc's settings (malloc.h)."""

_LARGE = 2**17
"""Bytes of a block that is asked of the system, and given back to it, by itself: glibc's default,
which it raises unless it is set."""

_ARENAS = 2
"""Parts of the memory that threads do not share."""


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


def give_back() -> None:
    """Give memory back to the system from now on when it is free.

    glibc keeps what is freed below what is still in use, in a heap for each of many threads, and
    raises the size of the blocks that it treats so. After eight runs over wide records had ended, a
    process still held 405 MB, and with these settings 122 MB.
    """
    import ctypes  # only the functions that need it pay for it

    with contextlib.suppress(OSError, AttributeError):  # another C library has other ways
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _LARGE)
        mallopt(_M_ARENA_MAX, _ARENAS)
