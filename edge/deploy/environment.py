"""A release's own Python environment, made where it will run, from wheels alone: no index, no ensurepip, no venv.

An environment is a folder with `pyvenv.cfg`, a link to the interpreter, and packages (PEP 405). pip runs out of its own
wheel in the interpreter of whoever installs, told for which Python and platform; so a workstation can make one for an
aarch64 box, of which it can run nothing.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from devices.errors import EdgekitError
from edge.deploy.payload import Target

_MOST_SECONDS = 1800  # half a gigabyte onto a slow card
_COMMAND = """#!{prefix}/bin/python -I
import sys

from edge.cli import main

sys.exit(main())
"""


def make_environment(folder: Path, prefix: Path, python: Path, target: Target, pip: Path, wheels: list[Path]) -> None:
    """Make an environment with the command `edgekit`.

    Args:
        folder: Where it is written; exists and is empty.
        prefix: What the box calls that folder.
        python: The box's interpreter, as the box calls it.
        target: What the wheels are for.
        pip: pip's own wheel.
        wheels: All that is installed; nothing else is looked for.

    Raises:
        EdgekitError: A wheel does not fit the target, or cannot be installed.
    """
    packages = folder / "lib" / f"python{target.python}" / "site-packages"
    programs = folder / "bin"
    packages.mkdir(parents=True)
    programs.mkdir()
    (programs / "python").symlink_to(python)
    config = f"home = {python.parent}\ninclude-system-site-packages = false\nversion = {target.python}\n"
    (folder / "pyvenv.cfg").write_text(config, encoding="utf-8")
    _install(packages, target, pip, wheels, room=folder)
    if target.python == f"{sys.version_info.major}.{sys.version_info.minor}":
        _compile(packages, prefix / packages.relative_to(folder))
    command = programs / "edgekit"
    command.write_text(_COMMAND.format(prefix=prefix), encoding="utf-8")
    command.chmod(0o755)


def platforms(target: Target) -> list[str]:
    """Return every platform tag whose wheels run on a target, newest C library first.

    Source: PEP 600 and the legacy names that it defines.
    """
    least = int(target.least_glibc.partition(".")[2])
    tags = [f"manylinux_2_{minor}_{target.architecture}" for minor in range(least, 16, -1)]
    tags += [f"manylinux2014_{target.architecture}", f"linux_{target.architecture}"]
    if target.architecture == "x86_64":
        tags += ["manylinux_2_12_x86_64", "manylinux2010_x86_64", "manylinux_2_5_x86_64", "manylinux1_x86_64"]
    return tags


def for_target(target: Target) -> list[str]:
    """Return pip's options that make it choose wheels for a target instead of for the machine that it runs on."""
    told = [word for tag in platforms(target) for word in ("--platform", tag)]
    return [*told, "--python-version", target.python, "--implementation", "cp", "--only-binary", ":all:"]


def _install(packages: Path, target: Target, pip: Path, wheels: list[Path], room: Path) -> None:
    unpacking = room / ".pip"  # beside its goal: /tmp may be a small one in memory
    unpacking.mkdir()
    command = [sys.executable, "-I", str(pip / "pip"), "--isolated", "--no-input", "--disable-pip-version-check"]
    command += ["--no-cache-dir", "--quiet", "install", "--no-index", "--no-deps", "--no-compile"]
    command += ["--no-warn-script-location", "--target", str(packages), *for_target(target)]
    _run([*command, *(str(wheel) for wheel in wheels)], unpacking, "the wheels cannot be installed")
    unpacking.rmdir()
    # The packages' own commands would start the installer's Python, not the box's.
    shutil.rmtree(packages / "bin", ignore_errors=True)


def _compile(packages: Path, told: Path) -> None:
    """Compile all modules: a service that may write nowhere would compile them at each start.

    Their source is never looked at again, since a release does not change.
    """
    command = [sys.executable, "-I", "-m", "compileall", "-qq", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    # Some packages carry templates that are no Python; what does not compile is left, so the exit code says nothing.
    subprocess.run(
        [*command, "-s", str(packages), "-p", str(told), str(packages)],
        check=False,
        capture_output=True,
        timeout=_MOST_SECONDS,
    )


def _run(command: list[str], temporary: Path, what: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary), "LC_ALL": "C.UTF-8", "HOME": str(temporary)}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_MOST_SECONDS, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise EdgekitError(f"{what}: {exc}") from exc
    if done.returncode != 0:
        told = done.stderr.strip().splitlines()
        raise EdgekitError(f"{what}: {told[-1] if told else 'pip said nothing'}")
