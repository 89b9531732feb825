"""Files that are on disk when a call returns, whole or not at all, whatever is cut off when."""

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
    """Bring every file and folder below a folder to disk, the folder's own entry too.

    Raises:
        OSError: Something in it cannot be opened or synchronised.
    """
    for path, _, files in os.walk(folder):
        for name in files:
            file = Path(path) / name
            if file.is_symlink():
                continue  # its target stands in the folder, which is synchronised below
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(path))
    sync_folder(folder.parent)
