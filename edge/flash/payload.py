"""Builds the payload that all four ways of flashing bring to a box."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devices.profile import Profile
from edge import __version__
from edge.deploy.payload import SECRETS, SITE, UNITS, WHEELS, PayloadList, Target
from edge.deploy.secrets import read_secret
from edge.durable import write_whole
from edge.flash.pack import finish
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
    secrets: Mapping[str, Path] | None = None
    sources: Sources = field(default_factory=Sources)
    profile: Profile | None = None
    counter: int | None = None


def build_payload(folder: Path, order: Order, target: Target) -> PayloadList:
    """Build a payload for one kind of box.

    Args:
        folder: New; it holds secrets where any are ordered, so it is its owner's alone.
        order: What it shall hold.
        target: Architecture, Python and C library of the box.

    Raises:
        EdgekitError: Something is missing, faulty, or not to be had for the target.
    """
    folder.mkdir(mode=0o700)
    site = None if order.config is None else carry_site(order.config, order.bundle, folder / SITE)
    write_units(folder / UNITS, site)
    if order.secrets:
        (folder / SECRETS).mkdir(mode=0o700)
        for name, path in order.secrets.items():
            write_whole(folder / SECRETS / name, read_secret(path, name), 0o600)
    house = gather(folder / WHEELS, target, order.sources, order.profile)
    return finish(folder, house, __version__, order.counter)
