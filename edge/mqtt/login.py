"""Who the box is to its broker: user and password, from box.toml, a file, or a credential that systemd hands over."""

from dataclasses import dataclass, field

from edge.credentials import credential_file, read_secret
from edge.mqtt.section import Mqtt


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
        username = read_secret(credential_file(settings.username_credential), "username_credential in [mqtt]")
    if username is None:
        return None
    if settings.password_credential is not None:
        return Login(
            username, read_secret(credential_file(settings.password_credential), "password_credential in [mqtt]")
        )
    if settings.password_file is not None:
        return Login(username, read_secret(settings.password_file, "password_file in [mqtt]"))
    return Login(username, None)
