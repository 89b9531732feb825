"""Replaces a checkpoint so that no crash and no full disk ever leaves half of one in the place of a good one."""

import hashlib
import io
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devices.errors import EdgekitError


@contextmanager
def keep(path: Path) -> Generator[Path]:
    """Yield a name to write a new file under; on leaving without error it takes the place of `path`, durably.

    Nothing happens to `path` where nothing was written.

    Raises:
        EdgekitError: The new file could not be written; the old one is as it was.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        if partial.exists():
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as exc:
        raise EdgekitError(cannot_write(path, exc)) from exc
    finally:
        partial.unlink(missing_ok=True)


def checkpoint_sha256(path: Path) -> str:
    """Return the digest of a checkpoint's bytes, in hex.

    Raises:
        EdgekitError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as exc:
        raise EdgekitError(f"the checkpoint {path} cannot be read: {exc.strerror}") from exc


def save_state(state: object, path: Path) -> None:
    """Save a state of torch in the place of an earlier one.

    It is put together in memory first: torch's own writer tells of a full disk by an error that names no disk.

    Raises:
        EdgekitError: It cannot be written; the old one is as it was.
    """
    import torch  # noqa: PLC0415 - whoever only keeps texts must not wait for it

    content = io.BytesIO()
    torch.save(state, content)
    with keep(path) as new:
        new.write_bytes(content.getbuffer())


def load_state(path: Path) -> dict[str, Any]:
    """Return a state that `save_state` wrote; nothing in it is run.

    Raises:
        EdgekitError: It is missing, torn, or holds more than tensors and numbers.
    """
    import torch  # noqa: PLC0415 - see above

    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as exc:
        raise EdgekitError(f"there is no checkpoint at {path}") from exc
    except Exception as exc:
        told = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise EdgekitError(f"{path} cannot be read safely as a checkpoint ({told}): nothing in it was run") from exc
    if not isinstance(state, dict):
        raise EdgekitError(f"{path} is no checkpoint of this kit: name one that a training of it wrote")
    return state


def cannot_write(path: Path, exc: OSError) -> str:
    """Return what to tell a user whose run stops because its folder cannot be written into."""
    return (
        f"cannot write {path}: {exc.strerror or exc}; what was saved before is kept: "
        "mend that (is the disk full?), then go on with --resume"
    )
