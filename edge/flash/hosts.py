"""Addresses of boxes as a person writes them: user@host, with a port if it is not 22."""

import ipaddress
import re
from dataclasses import dataclass

from devices.errors import EdgekitError

_ADDRESS = re.compile(
    r"(?:(?P<user>[A-Za-z_][A-Za-z0-9_.-]{0,31})@)?(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9][A-Za-z0-9.-]{0,252}))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_MOST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Host:
    """A box that is reached by SSH.

    Attributes:
        user: Who logs in; None for what the SSH configuration says.
        name: Host name or address.
        port: TCP port of its SSH server.
    """

    user: str | None
    name: str
    port: int = 22

    def __str__(self) -> str:
        """Return the address as a person writes it."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{self.user + '@' if self.user else ''}{name}{'' if self.port == 22 else f':{self.port}'}"  # noqa: PLR2004 - SSH's own


def parse_host(told: str) -> Host:
    """Read an address.

    Raises:
        EdgekitError: It is none; in particular nothing that a program could take for an option, or a path.
    """
    match = _ADDRESS.fullmatch(told)
    if match is None or (match["name"] or "").endswith(("-", ".")) or ".." in (match["name"] or ""):
        raise EdgekitError(f"{told!r} is no box's address: write user@host, or user@host:port")
    if match["six"]:
        try:
            ipaddress.IPv6Address(match["six"])
        except ValueError as exc:
            raise EdgekitError(f"{told!r} holds no IPv6 address: {exc}") from exc
    port = int(match["port"] or 22)
    if not 0 < port <= _MOST_PORT:
        raise EdgekitError(f"{told!r} names port {port}, which there is not")
    return Host(match["user"], match["six"] or match["name"], port)
