"""Secrets that configurations name and never hold: files, and credentials that systemd hands over.

What is read here goes to whom it is meant for and nowhere else: no message and no log ever holds it.
"""

import os
from pathlib import Path

from devices.errors import EdgekitError

# Where a box keeps what systemd hands to the service; root alone may read there.
KEPT = Path("/etc/edgekit/secrets")


def credential_file(name: str) -> Path:
    """Return the file of a systemd credential; root finds it outside of the unit too, for the doctor and for an update.

    Raises:
        EdgekitError: This process was given no credentials, and may not read where they are kept.

    Source: systemd.exec(5), `LoadCredential=` and `$CREDENTIALS_DIRECTORY`.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder:
        return Path(folder) / name
    if os.access(KEPT / name, os.R_OK):
        return KEPT / name
    raise EdgekitError(
        f"no credential {name!r}: $CREDENTIALS_DIRECTORY is not set; give the unit LoadCredential={name}:FILE, "
        f"name a file instead, or be root where it lies in {KEPT}"
    )


def read_secret(file: Path, key: str) -> str:
    """Return what a file holds, without the newline at its end.

    Args:
        file: A credential, or another file.
        key: What names it in box.toml, for the error.

    Raises:
        EdgekitError: It cannot be read, or is no text. The message never holds what is in it.
    """
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise EdgekitError(f"the file {file} is no UTF-8 text: check {key}") from None
    except OSError as exc:
        raise EdgekitError(f"cannot read the file {file} ({exc.strerror}): check {key} and its rights") from exc
