"""One box over SSH: what it is, the payload up, the installer started, and what its health gate says in the end.

All that is run there is written here or quoted; nothing of a configuration or an address becomes part of a command.
The host's key has to be known, as for `ssh` itself.
"""

import asyncio
import contextlib
import glob
import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from devices.errors import EdgekitError
from edge.deploy.ledger import Ledger, Release, State
from edge.deploy.payload import Target
from edge.flash.hosts import Host
from edge.printable import printable

# What it connects to is told by who flashes, a line a step.
logging.getLogger("asyncssh").setLevel(logging.WARNING)

_FACTS = (
    "import json, os, platform, sys; print(json.dumps({'architecture': platform.machine(), "
    "'python': '{}.{}'.format(*sys.version_info), 'glibc': platform.libc_ver()[1], 'administrator': os.getuid() == 0}))"
)
_PYTHON = "/usr/bin/python3"
_PLACE = "/var/tmp/edgekit-payload.XXXXXXXXXX"  # noqa: S108 - a pattern for mktemp
_POLL_S = 2.0
_COMMAND_S = 60.0
_INSTALL_S = 1800.0


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    python: str
    glibc: str
    administrator: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """How boxes are reached.

    Attributes:
        identity: A private key; None for what the SSH configuration and agent offer.
        known_hosts: Keys of hosts; None for the user's own file.
        prefix: A folder on the box that is installed into, such as a mounted disk; None for the box itself.
        verdict_s: Seconds to wait for the health gate, which is given 1140 by its unit.
    """

    identity: Path | None = None
    known_hosts: Path | None = None
    prefix: str | None = None
    verdict_s: float = 1200.0


class Connection:
    """A box that is connected; use as an asynchronous context.

    Args:
        host: Its address.
        reach: How it is reached.
    """

    def __init__(self, host: Host, reach: Reach) -> None:
        self._host = host
        self._reach = reach
        self._ssh: asyncssh.SSHClientConnection | None = None
        self._sudo: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            EdgekitError: The box cannot be reached, is not the one that is known, or refuses who asks.
        """
        told: dict[str, Any] = {}
        if self._host.user is not None:
            told["username"] = self._host.user
        if self._reach.identity is not None:
            told["client_keys"] = [str(self._reach.identity)]
        if self._reach.known_hosts is not None:
            told["known_hosts"] = str(self._reach.known_hosts)
        try:
            # With config=() the user's own SSH configuration holds, as it does where none is named to connect().
            options = asyncssh.SSHClientConnectionOptions(host=self._host.name, port=self._host.port, config=(), **told)
            # What asyncssh makes of `UserKnownHostsFile none`: whoever answers there would be given the secrets.
            if options.known_hosts is None:
                raise EdgekitError(
                    f"the SSH configuration takes any key for that of {self._host}: name a file of known keys by "
                    "--known-hosts"
                )
            self._ssh = await asyncssh.connect(self._host.name, self._host.port, options=options, connect_timeout=20)
        except (OSError, asyncssh.Error, asyncio.TimeoutError) as exc:
            raise EdgekitError(f"{self._host} cannot be reached by SSH: {printable(str(exc))}") from exc
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        if self._ssh is not None:
            self._ssh.close()
            await self._ssh.wait_closed()

    async def target(self) -> Target:
        """Ask the box what it is.

        Raises:
            EdgekitError: It has no Python 3, or is none that the kit runs on.
        """
        told = await self._run([_PYTHON, "-I", "-c", _FACTS], _COMMAND_S)
        try:
            facts = _Facts.model_validate_json(told)
            self._sudo = () if facts.administrator else ("sudo", "-n")
            return Target.model_validate(
                {"architecture": facts.architecture, "python": facts.python, "least_glibc": facts.glibc}
            )
        except ValidationError as exc:
            raise EdgekitError(f"{self._host} is no box that the kit runs on: {printable(told.strip()[:200])}") from exc

    async def install(self, payload: Path) -> str:
        """Bring a payload and run its installer; what was brought is removed again.

        Returns:
            What the installer said.

        Raises:
            EdgekitError: It cannot be brought, or the installer refuses it.
        """
        place = (await self._run(["mktemp", "-d", _PLACE], _COMMAND_S)).strip()
        if not place.startswith(_PLACE.rstrip("X")) or len(place) != len(_PLACE):
            raise EdgekitError(f"{self._host} gave no folder for the payload: {printable(place[:200])}")
        try:
            await self._bring(payload, place)
            prefix = ["--root", self._reach.prefix] if self._reach.prefix else []
            return await self._run([*self._sudo, _PYTHON, "-I", f"{place}/install.py", *prefix], _INSTALL_S)
        finally:
            with contextlib.suppress(EdgekitError):  # what went wrong before matters more
                await self._run(["rm", "-rf", "--", place], _COMMAND_S)

    async def verdict(self, release: str) -> Release | None:
        """Wait for what the box's health gate says of a release.

        Returns:
            The release, good or bad; None where nothing was said in time.

        Raises:
            EdgekitError: The box's list of releases cannot be read, or does not hold it.
        """
        path = f"{(self._reach.prefix or '').rstrip('/')}/opt/edgekit/releases.json"
        loop = asyncio.get_running_loop()
        until = loop.time() + self._reach.verdict_s
        while True:
            told = await self._run([*self._sudo, "cat", path], _COMMAND_S)
            try:
                found = Ledger.model_validate_json(told).find(release)
            except ValidationError as exc:
                raise EdgekitError(f"{path} on {self._host} is no list of releases") from exc
            if found.state in (State.GOOD, State.BAD):
                return found
            if loop.time() > until:
                return None
            await asyncio.sleep(_POLL_S)

    async def _bring(self, payload: Path, place: str) -> None:
        try:
            async with self._connected().start_sftp_client() as sftp:
                # Its content, not the folder: that is there, and nobody else's.
                await sftp.mput(f"{glob.escape(str(payload))}/*", place, recurse=True)
        except (OSError, asyncssh.Error) as exc:
            raise EdgekitError(f"the payload cannot be brought to {self._host}: {printable(str(exc))}") from exc

    async def _run(self, words: Sequence[str], most_s: float) -> str:
        """Run a command there; what it says is not to be trusted."""
        try:
            done = await self._connected().run(
                shlex.join(words), timeout=most_s, check=False, encoding="utf-8", errors="replace"
            )
        except (OSError, asyncssh.Error, asyncio.TimeoutError) as exc:
            raise EdgekitError(f"{self._host} does not answer: {printable(str(exc)) or 'it took too long'}") from exc
        if done.exit_status != 0:
            lines = str(done.stderr or "").strip().splitlines()
            told = printable(lines[-1][:500]).removeprefix("error: ") if lines else f"exit code {done.exit_status}"
            raise EdgekitError(f"{self._host}: {told}")
        return str(done.stdout or "")

    def _connected(self) -> asyncssh.SSHClientConnection:
        if self._ssh is None:
            raise EdgekitError(f"{self._host} is not connected")
        return self._ssh
