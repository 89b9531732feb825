"""A file that one program at a time holds; a program that ends in any way gives it back."""

import contextlib
import fcntl
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO

from devices.errors import EdgekitError

_LOOK_S = 0.05


@contextlib.contextmanager
def held(path: Path, wait_s: float, told: str) -> Generator[None, None, None]:
    """Hold a file.

    Args:
        path: Of the file; made if missing.
        wait_s: For how long another program is waited for.
        told: What is said where that one holds it longer.

    Raises:
        EdgekitError: Another program holds it.
        OSError: It is a link, or cannot be made.
    """
    end_s = time.monotonic() + wait_s
    with _opened(path) as file:
        while not _locked(file):
            if time.monotonic() >= end_s:
                raise EdgekitError(told)
            time.sleep(_LOOK_S)
        yield


def is_held(path: Path) -> bool:
    """Whether a program holds a file.

    Raises:
        OSError: It is a link, or cannot be made.
    """
    with _opened(path) as file:
        return not _locked(file)


def _opened(path: Path) -> IO[bytes]:
    """Open a file that is only locked; a link in its place, below a root of somebody else, would empty another one."""
    return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "wb")  # noqa: PTH123 - by descriptor


def _locked(file: IO[bytes]) -> bool:
    """Whether the lock of a file is ours from now until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
