"""Folders that appear whole or not at all: what fails on the way leaves nothing behind."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from devices.errors import EdgekitError


@contextmanager
def new_folder(out: Path) -> Generator[Path, None, None]:
    """Give a folder to write into; it takes its name when all was written.

    Args:
        out: The new folder; must not exist.

    Raises:
        EdgekitError: `out` exists, or something cannot be read or written.
    """
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(out)
    except OSError as exc:
        raise EdgekitError(f"cannot write {out}: {exc.filename or ''} {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
