"""How the process asks the system for memory: a box runs for months, and pictures are large and short-lived."""

import ctypes

_M_MMAP_THRESHOLD = -3  # of malloc.h
_M_ARENA_MAX = -8
_PICTURE_BYTES = 1 << 20
_HEAPS = 2


def map_pictures() -> None:
    """Let each picture be mapped by itself, and returned to the system as it is let go; let threads share their heaps.

    Left alone, glibc soon takes pictures from its heaps, of which nearly every thread gets one: they are never whole
    again, a camera of 720p cost 35 MB more, and each reconnect, whose threads are new, up to 20 MB until all heaps were
    taken. Does nothing with another C library.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, _PICTURE_BYTES)
    _call("mallopt", _M_ARENA_MAX, _HEAPS)


def return_free_memory() -> None:
    """Return to the system what loading a model has left behind. Does nothing with another C library."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
