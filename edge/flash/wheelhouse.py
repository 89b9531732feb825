"""All wheels that a box needs, for its processor and Python: gathered where there is an index, for where there is none.

uv resolves as if it ran on the box (pip would read the markers of dependencies by this machine), pip fetches.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from devices.profile import Profile
from edge.deploy.environment import for_target
from edge.deploy.payload import Target
from edge.flash.kit_wheel import write_kit_wheel
from edge.flash.pack import Wheelhouse

_MOST_SECONDS = 1800
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([A-Za-z0-9.!+_-]+)$")
_MANYLINUX = re.compile(r"manylinux_2_(\d+)_")
_LEGACY = {"manylinux2014": 17, "manylinux2010": 12, "manylinux1": 5}
_LEAST_GLIBC_MINOR = 17
_NEVER = "python_version < '3'"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where wheels come from.

    Attributes:
        own: A folder of wheels that come before any index, such as NVIDIA's; None without.
        index: Whether an index is asked for the rest.
    """

    own: Path | None = None
    index: bool = True


def gather(folder: Path, target: Target, sources: Sources, profile: Profile | None = None) -> Wheelhouse:
    """Fill a folder with the kit's wheel, all that it needs on a target, and pip.

    Args:
        folder: Of the wheels; made here.
        target: The box; its `least_glibc` is the newest that a wheel may need.
        sources: Where they come from.
        profile: The device, where it needs a runtime of its own.

    Returns:
        The wheelhouse; the `least_glibc` of its target is what its wheels need indeed.

    Raises:
        EdgekitError: Something is not to be had for the target.
    """
    folder.mkdir()
    kit = write_kit_wheel(folder)
    own = _own_wheels(sources.own)
    pins = _resolve(kit, target, sources, _wanted(profile, own))
    _fetch(folder, pins, target, sources, own)
    names = sorted(path.name for path in folder.iterdir())
    pip = next((name for name in names if name.startswith("pip-")), None)
    if pip is None or len(names) != len(pins) + 1:
        raise EdgekitError(f"the wheels in {folder} are not what was resolved: {', '.join(names)}")
    least = max(_LEAST_GLIBC_MINOR, *(_glibc_minor(name) for name in names))
    needed = target.model_copy(update={"least_glibc": f"2.{least}"})
    return Wheelhouse(needed, pip, tuple(name for name in names if name != pip))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for beside the kit: requirements, pins of one's own wheels, and what is kept out."""

    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    overrides: tuple[str, ...]


def _wanted(profile: Profile | None, own: dict[str, str]) -> _Wanted:
    requirements, overrides = ["pip"], list[str]()
    for wheel in profile.runtime.wheels if profile and profile.runtime else ():
        requirements.append(wheel)
        name = _normal(re.split(r"[<>=!~ \[;]", wheel, maxsplit=1)[0])
        if name.startswith("onnxruntime-"):
            # Builds for an accelerator are the same module; and those on the index have no kernels for a Jetson.
            overrides.append(f"onnxruntime ; {_NEVER}")
            if profile and profile.runtime and name not in own:
                raise EdgekitError(
                    f"{profile.title} needs {wheel} from {profile.runtime.wheels_from}: "
                    "download it and name its folder by --wheels"
                )
    constraints = tuple(f"{name}=={version}" for name, version in own.items())
    return _Wanted(tuple(requirements), constraints, tuple(overrides))


def _own_wheels(folder: Path | None) -> dict[str, str]:
    """Return name and version of all wheels in a folder of one's own.

    Raises:
        EdgekitError: There is no such folder, no wheel in it, or two versions of one.
    """
    found: dict[str, str] = {}
    if folder is None:
        return found
    for path in sorted(folder.glob("*.whl")):
        name, version = path.name.split("-")[:2]
        if found.setdefault(_normal(name), version) != version:
            raise EdgekitError(f"{folder} holds two versions of {name}: leave the one that the box shall run")
    if not found:
        raise EdgekitError(f"{folder} holds no wheels: name a folder of .whl files by --wheels")
    return found


def _resolve(kit: Path, target: Target, sources: Sources, wanted: _Wanted) -> list[tuple[str, str]]:
    """Return name and version of all that the kit needs on a target."""
    files = {"requirements": (f"edgekit @ {kit.resolve().as_uri()}", *wanted.requirements)}
    files |= {"constraints": wanted.constraints, "overrides": wanted.overrides}
    for name, lines in files.items():
        (kit.parent / name).write_text("\n".join([*lines, ""]), encoding="utf-8")
    command = ["uv", "pip", "compile", "--quiet", "--no-config", "--no-header", "--no-annotate", "--color", "never"]
    command += ["--only-binary", ":all:", "--python", sys.executable, "--python-version", target.python]
    command += ["--python-platform", f"{target.architecture}-manylinux_2_{_platform_minor(target)}"]
    command += ["--constraints", str(kit.parent / "constraints"), "--overrides", str(kit.parent / "overrides")]
    command += ["--find-links", str(sources.own)] if sources.own else []
    command += [] if sources.index else ["--no-index"]
    told = _run([*command, str(kit.parent / "requirements")], f"nothing runs on {_spoken(target)}")
    for name in files:
        (kit.parent / name).unlink()
    pins = [match.groups() for line in told.splitlines() if (match := _PINNED.match(line.strip()))]
    return [(name, version) for name, version in pins]


def _fetch(
    folder: Path, pins: Sequence[tuple[str, str]], target: Target, sources: Sources, own: dict[str, str]
) -> None:
    base = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    base += ["--dest", str(folder), *for_target(target)]
    mine = [f"{name}=={version}" for name, version in pins if _normal(name) in own]
    rest = [f"{name}=={version}" for name, version in pins if _normal(name) not in own]
    failed = f"a wheel for {_spoken(target)} is not to be had"
    if mine:
        _run([*base, "--no-index", "--find-links", str(sources.own), *mine], failed)
    if rest:
        _run([*base, *rest], failed)


def _run(command: list[str], what: str) -> str:
    program = shutil.which(command[0]) or shutil.which(str(Path(sys.executable).with_name(command[0])))
    if program is None:
        raise EdgekitError(f"this needs {command[0]}, which the plain install leaves out: pip install 'edgekit[flash]'")
    environment = {**os.environ, "VIRTUAL_ENV": ""}
    try:
        done = subprocess.run(
            [program, *command[1:]], check=False, capture_output=True, text=True, timeout=_MOST_SECONDS, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise EdgekitError(f"{what}: {exc}") from exc
    if done.returncode != 0:
        told = " ".join(line.strip() for line in done.stderr.splitlines() if not line.startswith("WARNING"))
        raise EdgekitError(f"{what}: {told[-600:]}")
    return done.stdout


def _glibc_minor(wheel: str) -> int:
    """Return the oldest minor version of glibc 2 that a wheel runs on, of all platforms that its name lists."""
    platform = wheel.removesuffix(".whl").rpartition("-")[2]
    minors = [int(minor) for minor in _MANYLINUX.findall(platform)]
    minors += [minor for name, minor in _LEGACY.items() if name in platform]
    return min(minors, default=0)


def _platform_minor(target: Target) -> int:
    """Return the minor version of glibc that uv knows a platform for, no newer than the target's."""
    known = (17, 28, *range(31, 41))
    minor = int(target.least_glibc.partition(".")[2])
    return max((one for one in known if one <= minor), default=17)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _spoken(target: Target) -> str:
    return f"{target.architecture} with Python {target.python} and glibc {target.least_glibc}"
