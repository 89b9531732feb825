"""Builds the payload that all four ways of flashing bring to a box."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devices.profile import Profile
from edge import __version__
from edge.deploy.payload import SECRETS, SITE, UNITS, WHEELS, PayloadList, Target
from edge.deploy.secrets import read_secret
from edge.durable import write_whole
from edge.flash.pack import Wheelhouse, finish
from edge.flash.site import carry_site
from edge.flash.units import write_units
from edge.flash.wheelhouse import Sources, gather


@dataclass(frozen=True, slots=True)
class Order:
    """What shall come to a box.

    Attributes:
        config: Its box.toml; None keeps what the box has.
        bundle: A bundle in place of the one beside box.toml.
        secrets: Files of credentials by name.
        sources: Where wheels come from.
        profile: The device, where it needs a runtime of its own.
        counter: Of the release; the time where none is told.
    """

    config: Path | None = None
    bundle: Path | None = None
    secrets: Mapping[str, Path] = field(default_factory=dict[str, Path])
    sources: Sources = field(default_factory=Sources)
    profile: Profile | None = None
    counter: int | None = None


class Packer:
    """Builds payloads; boxes of one kind share their wheels.

    Args:
        room: A folder of its own for all that is built.
    """

    def __init__(self, room: Path) -> None:
        self._room = room
        self._houses: dict[Target, tuple[Path, Wheelhouse]] = {}
        self._built = 0

    def build(self, order: Order, target: Target) -> tuple[Path, PayloadList]:
        """Build a payload for one box.

        Args:
            order: What it shall hold.
            target: Architecture, Python and C library of the box.

        Returns:
            Its folder, which is its owner's alone since it may hold secrets, and its list.

        Raises:
            EdgekitError: Something is missing, faulty, or not to be had for the target.
        """
        self._built += 1
        folder = self._room / f"payload-{self._built}"
        folder.mkdir(mode=0o700)
        site = None if order.config is None else carry_site(order.config, order.bundle, folder / SITE)
        write_units(folder / UNITS, site)
        if order.secrets:
            (folder / SECRETS).mkdir(mode=0o700)
        for name, path in order.secrets.items():
            write_whole(folder / SECRETS / name, read_secret(path, name), 0o600)
        wheels, house = self._wheels(order, target)
        (folder / WHEELS).mkdir()
        for path in wheels.iterdir():
            os.link(path, folder / WHEELS / path.name)
        return folder, finish(folder, house, __version__, order.counter)

    def _wheels(self, order: Order, target: Target) -> tuple[Path, Wheelhouse]:
        if target not in self._houses:
            folder = self._room / f"wheels-{len(self._houses) + 1}"
            self._houses[target] = (folder, gather(folder, target, order.sources, order.profile))
        return self._houses[target]
