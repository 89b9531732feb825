"""Key pairs on disk: no key is ever overwritten, and no half of a pair is left behind."""

import os
from pathlib import Path

from devices.errors import EdgekitError


def write_pair(private: Path, public: Path, secret: bytes, shown: bytes) -> None:
    """Write a new pair; the private file is its owner's alone.

    Raises:
        EdgekitError: A file exists already or cannot be written.
    """
    written: list[Path] = []
    for path, content, mode in ((private, secret, 0o600), (public, shown, 0o644)):
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123 - by descriptor
                written.append(path)
                file.write(content)
        except OSError as exc:
            for half in written:  # half a pair would be taken for a whole one later
                half.unlink(missing_ok=True)
            raise EdgekitError(f"cannot write the key {path}: {exc.strerror}") from exc


def read_key(path: Path) -> bytes:
    """Return a key file's bytes.

    Raises:
        EdgekitError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as exc:
        raise EdgekitError(f"cannot read the key {path}: {exc.strerror}") from exc
