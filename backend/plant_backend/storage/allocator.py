"""What the C library's allocator keeps for later. Out of the box that is more than the backend needs to run.

Only glibc has these; elsewhere nothing happens. See mallopt(3) and malloc_trim(3).
"""

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_LARGE = 256 * 1024


def settle() -> None:
    """Give large blocks back as soon as they are free, and keep one heap for all threads and not one for each.

    Left to itself, glibc takes the first free of a large block (a password's hash has 19 MB) as a sign to keep as much.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_M_TRIM_THRESHOLD, _LARGE)
        library.mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Give free pages back to the system, after work that needed many."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
