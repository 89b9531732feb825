"""A payload as a Debian package: apt brings it, and its postinst starts the one installer.

The package holds the payload and nothing that runs: releases, configuration and state are the installer's. The format
is three members of an `ar` archive, so that no Debian tool is needed to write it.
"""

import gzip
import io
import tarfile
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from devices.errors import EdgekitError
from edge import __version__
from edge.deploy.payload import SECRETS, PayloadList
from edge.durable import whole_file
from edge.flash.archive import write_tar

PLACE = "usr/lib/edgekit-payload"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CHUNK = 1 << 20
_POSTINST = f"""#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
exec /usr/bin/python3 -I /{PLACE}/install.py
"""


def write_deb(payload: Path, listed: PayloadList, out: Path) -> None:
    """Write a payload as a package; it appears whole or not at all.

    Args:
        payload: Its folder.
        listed: What it says of itself.
        out: The new file.

    Raises:
        EdgekitError: It holds secrets, `out` exists, or it cannot be written.

    Source: deb(5); deb-control(5).
    """
    if (payload / SECRETS).exists():
        raise EdgekitError("a package is readable for everybody: bring secrets by --ssh, or put them there by hand")
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another name")
    try:
        with whole_file(out) as file, TemporaryFile() as data:
            write_tar(payload, data, prefix=f"{PLACE}/", moment=listed.counter)
            size = data.tell()
            data.seek(0)
            control = _control(payload, listed)
            file.write(b"!<arch>\n")
            _add(file, "debian-binary", listed.counter, io.BytesIO(b"2.0\n"), 4)
            _add(file, "control.tar.gz", listed.counter, io.BytesIO(control), len(control))
            # Wheels are packed already: to pack them again would only take the box's time.
            _add(file, "data.tar", listed.counter, data, size)
    except OSError as exc:
        raise EdgekitError(f"cannot write {out}: {exc.strerror}") from exc


def _control(payload: Path, listed: PayloadList) -> bytes:
    installed = sum(path.stat().st_size for path in payload.rglob("*") if path.is_file()) >> 10
    major, minor = listed.target.python.split(".")
    fields = {
        "Package": "edgekit",
        "Version": f"{__version__}+{listed.counter}",
        "Architecture": _ARCHITECTURES[listed.target.architecture],
        "Maintainer": "edgekit",
        "Installed-Size": str(installed),
        "Pre-Depends": f"python3 (>= {major}.{minor}), python3 (<< {major}.{int(minor) + 1})",
        "Depends": f"systemd (>= 247), libc6 (>= {listed.target.least_glibc}), libstdc++6",
        "Section": "misc",
        "Priority": "optional",
        "Description": f"edgekit, release {listed.release}",
    }
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, content, mode in (("./control", text, 0o644), ("./postinst", _POSTINST, 0o755)):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content.encode()), mode, listed.counter
            member.uname = member.gname = "root"
            tar.addfile(member, io.BytesIO(content.encode()))
    return packed.getvalue()


def _add(file: IO[bytes], name: str, moment: int, content: IO[bytes], size: int) -> None:
    """Add one member. Source: deb(5), the common ar format: 60 bytes of header, content, one byte if that is odd."""
    file.write(f"{name:<16}{moment:<12}{0:<6}{0:<6}{'100644':<8}{size:<10}`\n".encode())
    while chunk := content.read(_CHUNK):
        file.write(chunk)
    if size % 2:
        file.write(b"\n")
