"""Files that are on disk when a call returns, whole or not at all, whatever is cut off when."""

import ctypes
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def sync_folder(folder: Path) -> None:
    """Bring a folder's own entries to disk: a rename survives a power cut only after this.

    Raises:
        OSError: The folder cannot be opened or synchronised.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(path: Path, *companions: str) -> Path:
    """Rename a file that is broken to `<name>.corrupt-N`, with what lies beside it, and return where it is kept.

    Args:
        path: The file.
        companions: Endings of files that belong to it, `-wal`; they keep these endings.

    Raises:
        OSError: It cannot be renamed.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    for ending in ("", *companions):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    sync_folder(path.parent)
    return aside


@contextmanager
def whole_file(path: Path, mode: int = 0o644) -> Generator[BinaryIO, None, None]:
    """Give a file that takes the place of `path` when the block ends: old content or new, never a part.

    Args:
        path: The file.
        mode: Its rights from the first byte on.

    Raises:
        OSError: It cannot be written; what stood there stands, as it does where the block fails.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with open(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), "w+b") as file:  # noqa: PTH123 - by descriptor
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file in place of what stood there: after a power cut it holds the old content or the new, never a part.

    Args:
        path: The file.
        content: All of it.
        mode: Its rights from the first byte on.

    Raises:
        OSError: It cannot be written; what stood there stands.
    """
    with whole_file(path, mode) as file:
        file.write(content)


def sync_tree(folder: Path) -> None:
    """Bring all below a folder to disk, the folder's own entry too.

    By its whole file system at once: synchronised one by one, the thousands of files of a Python environment take
    minutes on a busy disk.

    Raises:
        OSError: The folder cannot be opened, or something could not be written since the file system was mounted.

    Source: syncfs(2), which tells of failed writes since Linux 5.8; no supported box has an older one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for path in (folder, folder.parent):  # two file systems where the folder is mounted
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if libc.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(path))
        finally:
            os.close(descriptor)
