"""Reads what somebody less trusted may have put there: a link, a pipe or a device in a file's place holds nobody up."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file to be read, not through a link, and without waiting where something else stands in its place.

    Raises:
        OSError: It cannot be opened, or is no plain file.
    """
    file = open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")  # noqa: PTH123, SIM115 - by descriptor
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return file


def read_plain(path: Path, most_bytes: int) -> bytes:
    """Return what a plain file of a bounded size holds.

    Raises:
        OSError: It cannot be read, is no plain file, or is larger.
    """
    with open_plain(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes} bytes", str(path))
    return content
