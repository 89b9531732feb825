"""Flashing a system below a folder: a mounted card or disk, or a root that is being built. Nothing of it is run."""

from pathlib import Path
from tempfile import TemporaryDirectory

from devices.errors import EdgekitError
from edge.deploy.install import Told, install
from edge.deploy.payload import Target
from edge.deploy.system import architecture_of, find_python, glibc_of, pythons
from edge.flash.payload import Order, Packer

_LEAST_PYTHON = (3, 10)


def target_of(root: Path, python: str | None = None) -> Target:
    """Return what a system below a folder is.

    Args:
        root: Its root folder.
        python: The version to use; the newest that is there where none is told.

    Raises:
        EdgekitError: It is no system that the kit runs on.
    """
    if not root.is_dir():
        raise EdgekitError(f"there is no folder {root}: mount the box's disk there first")
    present = [version for version in pythons(root) if tuple(map(int, version.split("."))) >= _LEAST_PYTHON]
    if python is None and not present:
        raise EdgekitError(f"the system at {root} has no Python 3.10 or newer below /usr: install python3 there")
    chosen = python or present[-1]
    program = root / find_python(root, chosen).relative_to("/")
    glibc = glibc_of(root)
    if glibc is None:
        raise EdgekitError(f"the system at {root} has no GNU C library: no wheel runs there")
    architecture = architecture_of(program)
    if architecture not in ("x86_64", "aarch64"):
        raise EdgekitError(f"the system at {root} is for {architecture}: the kit runs on x86_64 and aarch64")
    return Target.model_validate({"architecture": architecture, "python": chosen, "least_glibc": glibc})


def flash_root(root: Path, order: Order, python: str | None, tell: Told) -> str:
    """Build a payload for a system below a folder and install it there.

    Returns:
        The release.

    Raises:
        EdgekitError: The system is not fit, or something is missing, faulty, or cannot be written.
    """
    target = target_of(root, python)
    tell(f"{root} is a system for {target.architecture} with Python {target.python} and glibc {target.least_glibc}")
    with TemporaryDirectory(prefix="edgekit-flash-") as room:
        payload, listed = Packer(Path(room)).build(order, target)
        tell(f"{len(listed.wheels)} wheels for it are at hand")
        return install(payload, root, tell)
