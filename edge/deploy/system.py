"""The system that a release goes to: this one, or one below a folder that is mounted or being built; only looked at.

Nothing of a system below a folder is ever run: it may be of another architecture, or of somebody one does not trust.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from edge.deploy.payload import Target

_ELF_MACHINES = {62: "x86_64", 183: "aarch64"}  # Source: ELF-64 object file format, e_machine
_GLIBC = re.compile(rb"GNU C Library [^\n]{0,100}? version (2\.\d{1,3})")
_CXX = ("lib/*/libstdc++.so.6", "usr/lib/*/libstdc++.so.6", "lib64/libstdc++.so.6", "usr/lib64/libstdc++.so.6")
_INTERPRETERS = ("usr/bin", "usr/local/bin")


@dataclass(frozen=True, slots=True)
class System:
    """A system by its root folder.

    Attributes:
        root: `/` for the one that this program runs on.
        python: Its interpreter of the payload's version, as the system itself names it.
    """

    root: Path
    python: Path

    def place(self, path: str) -> Path:
        """Return where a folder of the system lies, made with all above it if missing.

        Args:
            path: As the system calls it, from its root on.

        Raises:
            EdgekitError: A link on the way leads out of the root, or it cannot be made.
        """
        root, at = self.root.resolve(), self.root.resolve()
        for part in Path(path).relative_to("/").parts:
            at = at / part
            if at.is_symlink() and not at.resolve().is_relative_to(root):
                raise EdgekitError(
                    f"{at} is a link that leads out of {self.root}: make it a folder, or a relative link"
                )
            try:
                at.mkdir(mode=0o755, exist_ok=True)
            except OSError as exc:
                raise EdgekitError(f"cannot make the folder {at}: {exc.strerror}") from exc
        return at


def look_at(root: Path, target: Target) -> System:
    """Return a system that a payload can run on.

    Raises:
        EdgekitError: It has not the Python, the architecture or the libraries that the payload was made for.
    """
    python = find_python(root, target.python)
    architecture = architecture_of(root / python.relative_to("/"))
    if architecture != target.architecture:
        raise EdgekitError(
            f"the system at {root} is for {architecture}, and this payload is for {target.architecture}: "
            f"build one with --arch {architecture}"
        )
    glibc = glibc_of(root)
    if glibc is None or _numbers(glibc) < _numbers(target.least_glibc):
        raise EdgekitError(
            f"the system at {root} has glibc {glibc or 'unknown'}, and the wheels need {target.least_glibc}: "
            "take a newer system"
        )
    if not any(path for pattern in _CXX for path in root.glob(pattern)):
        raise EdgekitError(
            f"the system at {root} has no libstdc++.so.6, which the engines need: install libstdc++6 there"
        )
    return System(root, python)


def find_python(root: Path, version: str) -> Path:
    """Return the system's interpreter of a version, as the system names it.

    Raises:
        EdgekitError: It has none.
    """
    for folder in _INTERPRETERS:
        path = root / folder / f"python{version}"
        if path.is_file() and not path.is_symlink():
            return Path("/") / folder / path.name
    present = ", ".join(pythons(root)) or "none"
    raise EdgekitError(
        f"the system at {root} has no /usr/bin/python{version} (it has {present}): "
        "install it there, or build the payload with --python for what it has"
    )


def pythons(root: Path) -> list[str]:
    """Return the versions of Python 3 that a system has, oldest first."""
    found = {
        match[1]
        for folder in _INTERPRETERS
        for path in (root / folder).glob("python3.*")
        if (match := re.fullmatch(r"python(3\.\d{1,2})", path.name)) and path.is_file() and not path.is_symlink()
    }
    return sorted(found, key=_numbers)


def architecture_of(program: Path) -> str:
    """Return what processor a program is for: `x86_64`, `aarch64`, or a word that says that it is another.

    Raises:
        EdgekitError: It cannot be read.
    """
    try:
        with program.open("rb") as file:
            head = file.read(20)
    except OSError as exc:
        raise EdgekitError(f"cannot read {program}: {exc.strerror}") from exc
    if len(head) < 20 or head[:6] != b"\x7fELF\x02\x01":  # noqa: PLR2004 - what an ELF header is read by
        return "no 64-bit little-endian processor"
    machine: int = struct.unpack_from("<H", head, 18)[0]
    return _ELF_MACHINES.get(machine, f"another processor (ELF machine {machine})")


def glibc_of(root: Path) -> str | None:
    """Return the version of a system's C library, None where none is found."""
    for pattern in ("lib/*/libc.so.6", "usr/lib/*/libc.so.6", "lib64/libc.so.6", "usr/lib64/libc.so.6"):
        for path in sorted(root.glob(pattern)):
            if path.resolve().is_relative_to(root.resolve()) and (found := _GLIBC.search(path.read_bytes())):
                return found[1].decode()
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
