"""Secrets on a box: files of root's alone, which systemd hands to the service as credentials.

They belong to the box, not to a release: one that is taken back needs today's password too.
"""

import re
from pathlib import Path

from devices.errors import EdgekitError
from edge.durable import write_whole
from edge.plain_file import read_plain

FOLDER = "secrets"  # below /etc/edgekit
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_MOST_BYTES = 1 << 20  # Source: systemd.exec(5), the most that all credentials of a unit may have


def keep_secrets(carried: Path, folder: Path) -> list[str]:
    """Take over every secret that was carried here, each whole or not at all.

    Args:
        carried: A folder with a file a secret; may be missing.
        folder: Where the box keeps its own; made if missing.

    Returns:
        Their names.

    Raises:
        EdgekitError: A name or a file is none that can be a secret, or it cannot be written. No message holds one.
    """
    if not carried.is_dir():
        return []
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        secrets = {path.name: read_secret(path, path.name) for path in sorted(carried.iterdir())}
        for name, secret in secrets.items():
            write_whole(folder / name, secret, 0o600)
    except OSError as exc:
        raise EdgekitError(f"cannot keep the secrets in {folder}: {exc.strerror}") from exc
    return list(secrets)


def read_secret(path: Path, name: str) -> bytes:
    """Return what a secret's file holds.

    Raises:
        EdgekitError: The name is none, or it is no plain file of at most a mebibyte.
    """
    check_name(name)
    try:
        content = read_plain(path, _MOST_BYTES)
    except OSError as exc:
        raise EdgekitError(f"cannot read the secret {name} in {path}: {exc.strerror}") from exc
    if not content:
        raise EdgekitError(f"the secret {name} in {path} is empty")
    return content


def check_name(name: str) -> None:
    """Refuse a name that a unit's line or a path could take for something else.

    Raises:
        EdgekitError: It is such a name.
    """
    if not _NAME.fullmatch(name):
        raise EdgekitError(f"{name!r} cannot name a secret: letters, digits, -, _ and dots, not first")
