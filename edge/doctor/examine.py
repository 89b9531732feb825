"""All checks in the order in which a person would mend what they find."""

from collections.abc import Iterator
from pathlib import Path

from devices import library
from devices.errors import EdgekitError
from devices.probe import probe
from edge.config import load_config
from edge.doctor.finding import Finding, failure, fine
from edge.doctor.machine import check_clock, check_profile, check_storage, check_system
from edge.doctor.releases import SOFTWARE, check_releases
from edge.doctor.service import check_unit
from edge.mqtt.clock import host_clock_synchronised


def examine(config: Path | None, profile: str | None) -> list[Finding]:
    """Look at this box.

    Args:
        config: Its box.toml; None to look at the machine alone.
        profile: Name of its profile; None for the one that fits.

    Raises:
        EdgekitError: There is no such profile.
    """
    machine = probe()
    fitting = library.profile(profile) if profile is not None else library.suggest(machine)
    findings = [
        *check_profile(machine, fitting),
        *check_system(machine, fitting),
        *check_storage(machine),
        *check_clock(host_clock_synchronised()),
        *check_unit(),
        *check_releases(SOFTWARE),
    ]
    return findings if config is None else [*findings, *_check_site(config)]


def _check_site(path: Path) -> Iterator[Finding]:
    # Engines and codecs take seconds to load, which a look at the machine alone need not wait for.
    from edge.doctor.broker import check_broker  # noqa: PLC0415
    from edge.doctor.site import check_cameras, check_folders, check_model  # noqa: PLC0415

    try:
        config = load_config(path)
    except EdgekitError as exc:
        yield failure("configuration", str(exc), "the box does not start", "`edgekit config schema` has all keys")
        return
    yield fine("configuration", f"{path} is valid")
    yield from check_folders(config)
    yield from check_model(config)
    yield from check_broker(config)
    yield from check_cameras(config)
