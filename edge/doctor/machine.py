"""The machine against its profile: what the profile asks for and the machine does not have."""

import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from devices.machine import Jetson, Machine
from devices.profile import Profile, Runtime
from edge.doctor.finding import Finding, failure, fine, warning

_LEAST_FREE_MIB = 1024
_WORN_PERCENT = 80
_REQUIREMENT = re.compile(r"^(?P<package>[A-Za-z0-9._-]+?)(?:>=(?P<least>[0-9.]+))?$")


def check_profile(machine: Machine, profile: Profile | None) -> Iterator[Finding]:
    """Say whether this kind of machine is known and supported, and has enough memory."""
    if profile is None:
        yield warning(
            "profile",
            f"no profile fits a machine of {machine.architecture}",
            "nobody has said which runtime and precision suit it",
            "see `edgekit devices list`; with --profile the nearest can be named",
        )
        return
    if not profile.supported:
        yield failure(
            "profile", f"{profile.title} is not supported", profile.reason or "", "see `edgekit devices list`"
        )
        return
    yield fine("profile", f"{profile.name}: {profile.title}")
    least_mib = profile.inference.least_memory_mib if profile.inference else 0
    if machine.memory_mib < least_mib:
        yield warning(
            "memory",
            f"{machine.memory_mib} MiB, and {profile.name} asks for {least_mib}",
            "with less the kernel may end the service when a second camera or a new model comes",
            "use fewer cameras or a smaller input, and watch memory on the box's metrics",
        )
    else:
        yield fine("memory", f"{machine.memory_mib} MiB")


def check_system(machine: Machine, profile: Profile | None) -> Iterator[Finding]:
    """Hold Python, C library and the runtime's packages against the profile."""
    runtime = profile.runtime if profile else None
    if profile is None or runtime is None:
        return
    python = ".".join(machine.python.split(".")[:2])
    if python in runtime.python:
        yield fine("python", machine.python)
    else:
        yield warning(
            "python",
            f"{machine.python}, and the wheels for this device are for {', '.join(runtime.python)}",
            "wheels of another Python do not install, or were never tried",
            f"run the box on Python {runtime.python[-1]}",
        )
    if machine.glibc is not None and _older(machine.glibc, runtime.least_glibc):
        yield failure(
            "glibc",
            f"{machine.glibc}, and the wheels need {runtime.least_glibc}",
            "the runtime's libraries do not load",
            "update the operating system",
        )
    elif machine.glibc is not None:
        yield fine("glibc", machine.glibc)
    yield from _check_packages(runtime)
    if machine.jetson is not None:
        yield from _check_jetson(machine.jetson, profile, runtime)


def _check_packages(runtime: Runtime) -> Iterator[Finding]:
    mend = f"install {', '.join(runtime.wheels)} from {runtime.wheels_from}"
    for wheel in runtime.wheels:
        asked = _REQUIREMENT.match(wheel)
        package, least = (asked["package"], asked["least"]) if asked else (wheel, None)
        try:
            found = version(package)
        except PackageNotFoundError:
            yield warning(package, "not installed", "the profile of this device prefers it", mend)
            continue
        if least is not None and _older(found, least):
            yield warning(
                package, f"{found}, and the profile asks for {least}", "with an older one nothing was tried here", mend
            )
        else:
            yield fine(package, found)


def _check_jetson(jetson: Jetson, profile: Profile, runtime: Runtime) -> Iterator[Finding]:
    told = "L4T " + ".".join(map(str, jetson.l4t))
    told += f", JetPack {jetson.jetpack or 'unknown'}, power mode {jetson.power_mode or 'unknown'}"
    wanted = profile.match.l4t_major
    if wanted and (not jetson.l4t or jetson.l4t[0] not in wanted):
        yield failure(
            "jetson",
            f"{told}; {profile.name} is for L4T {' or '.join(map(str, wanted))}",
            "CUDA and TensorRT come with L4T, and wheels for another one do not load or compute on the processor",
            "name the profile of this JetPack by --profile, or flash the board with the JetPack of the profile",
        )
    else:
        yield fine("jetson", told)
    for name, found, least in (
        ("cuda", jetson.cuda, runtime.least_cuda),
        ("tensorrt", jetson.tensorrt, runtime.least_tensorrt),
    ):
        if least is None:
            continue
        if found is None or _older(found, least):
            yield failure(
                name,
                f"{found or 'not installed'}, and the wheels need {least}",
                "the provider is listed all the same, and every inference falls back to the processor",
                "install the components of this JetPack: apt install nvidia-jetpack",
            )
        else:
            yield fine(name, found)


def check_storage(machine: Machine) -> Iterator[Finding]:
    """Look at the room on the disk and at how worn it is."""
    storage = machine.storage
    if storage.free_mib < _LEAST_FREE_MIB:
        yield failure(
            "disk",
            f"{storage.free_mib} MiB free",
            "the outbox cannot keep events while the broker is away, and an update does not fit",
            "remove what is not needed, or take a larger disk",
        )
    else:
        yield fine("disk", f"{storage.free_mib} of {storage.total_mib} MiB free")
    if storage.worn_percent is not None and storage.worn_percent >= _WORN_PERCENT:
        yield warning(
            "wear",
            f"the flash says that {storage.worn_percent} % of its life is used",
            "a worn disk turns read-only or loses what was written",
            "plan its exchange",
        )


def check_clock(synchronised: bool | None) -> Iterator[Finding]:  # noqa: FBT001 - it is the whole input
    """Say whether the host's time can be believed."""
    if synchronised is None:
        yield warning(
            "clock",
            f"{platform.system()} does not say whether the clock is synchronised",
            "events carry times that others compare",
            "see to NTP or PTP",
        )
    elif synchronised:
        yield fine("clock", "synchronised")
    else:
        yield warning(
            "clock",
            "not synchronised",
            "events carry times that others compare, and certificates are not valid yet, or no more",
            "switch a time service on: timedatectl set-ntp true, or PTP where the line has it",
        )


def _older(found: str, least: str) -> bool:
    return _numbers(found) < _numbers(least)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
