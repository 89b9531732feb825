"""The profiles that this version knows, and which of them a machine is."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from devices.errors import EdgekitError
from devices.machine import Machine
from devices.profile import Match, Profile
from devices.validation import parse_toml

_INTEL_DRIVERS = frozenset({"i915", "xe"})


@cache
def profiles() -> tuple[Profile, ...]:
    """Return all profiles, in the order of their names.

    Raises:
        EdgekitError: A profile's file is broken.
    """
    folder = files("devices") / "profiles"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return tuple(
        parse_toml(entry.read_bytes(), Path(entry.name), Profile) for entry in sorted(found, key=lambda item: item.name)
    )


def profile(name: str) -> Profile:
    """Return the profile of a name.

    Raises:
        EdgekitError: There is none; names those that there are.
    """
    found = next((one for one in profiles() if one.name == name), None)
    if found is None:
        raise EdgekitError(f"there is no profile {name!r}: choose one of {', '.join(one.name for one in profiles())}")
    return found


def suggest(machine: Machine, among: Sequence[Profile] | None = None) -> Profile | None:
    """Return the profile of the highest rank that fits a machine, None where none fits."""
    fitting = [one for one in (profiles() if among is None else among) if fits(one.match, machine)]
    return max(fitting, key=lambda one: one.match.rank, default=None)


def fits(match: Match, machine: Machine) -> bool:
    """Whether a machine meets every condition of a profile."""
    l4t_major = machine.jetson.l4t[0] if machine.jetson else None
    return (
        match.architecture == machine.architecture
        and machine.cpu_flags.issuperset(match.cpu_flags)
        and (not match.any_cpu_flag or not machine.cpu_flags.isdisjoint(match.any_cpu_flag))
        and (match.model is None or match.model in (machine.board or ""))
        and (not match.l4t_major or l4t_major in match.l4t_major)
        and (match.gpu is None or not _INTEL_DRIVERS.isdisjoint(machine.gpus))
    )
