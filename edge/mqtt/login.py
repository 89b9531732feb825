"""Who the box is to its broker: user and password, from box.toml, a file, or a credential that systemd hands over.

What is read here goes to the broker and nowhere else: no message and no log ever holds it.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from devices.errors import EdgekitError
from edge.mqtt.section import Mqtt

# Where a box keeps what systemd hands to the service; root alone may read there.
KEPT = Path("/etc/edgekit/secrets")


@dataclass(frozen=True, slots=True)
class Login:
    """A user and its password, which does not show where this is printed."""

    username: str
    password: str | None = field(repr=False)


def read_login(settings: Mqtt) -> Login | None:
    """Return who to log in as, None for nobody.

    Raises:
        EdgekitError: A file or a credential cannot be read. The message never holds what is in it.
    """
    username = settings.username
    if settings.username_credential is not None:
        username = _read(credential_file(settings.username_credential), "username_credential")
    if username is None:
        return None
    if settings.password_credential is not None:
        return Login(username, _read(credential_file(settings.password_credential), "password_credential"))
    if settings.password_file is not None:
        return Login(username, _read(settings.password_file, "password_file"))
    return Login(username, None)


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


def _read(file: Path, key: str) -> str:
    """Return what a file holds, without the newline at its end."""
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise EdgekitError(f"the file {file} is no UTF-8 text: check {key} in [mqtt]") from None
    except OSError as exc:
        raise EdgekitError(
            f"cannot read the file {file} ({exc.strerror}): check {key} in [mqtt] and its rights"
        ) from exc
