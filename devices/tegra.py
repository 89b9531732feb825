"""What a Jetson's own files and programs say: release of Jetson Linux, CUDA, TensorRT, power mode."""

import json
import re
import subprocess
from pathlib import Path

from devices.machine import Jetson

JETPACK_OF_L4T = {32: 4, 34: 5, 35: 5, 36: 6, 38: 7, 39: 7}
_RELEASE = re.compile(r"^# R(\d+) \(release\), REVISION: (\d+)(?:\.(\d+))?", re.MULTILINE)
_PACKAGE_VERSION = re.compile(r"^Version: (?:\d+:)?(\d+(?:\.\d+)*)", re.MULTILINE)
_MODE = re.compile(r"^NV Power Mode: (\S+)", re.MULTILINE)
_NVPMODEL_S = 5.0


def read_jetson(root: Path) -> Jetson | None:
    """Return what a Jetson tells about itself, None where no file says that this is one.

    Args:
        root: The root of its file system; `/` but for tests.
    """
    l4t = _l4t(root)
    if l4t is None:
        return None
    return Jetson(
        l4t=l4t,
        jetpack=JETPACK_OF_L4T.get(l4t[0]),
        cuda=_cuda(root),
        tensorrt=_installed(root, r"libnvinfer\d+"),
        power_mode=power_mode(),
    )


def power_mode() -> str | None:
    """Return the name of the power mode that `nvpmodel -q` gives, None where it gives none within its time."""
    try:
        asked = subprocess.run(
            ["nvpmodel", "-q"], capture_output=True, text=True, timeout=_NVPMODEL_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _MODE.search(asked.stdout)
    return found.group(1) if found else None


def _l4t(root: Path) -> tuple[int, ...] | None:
    """Return the release of Jetson Linux from its own file, or from its package where an image lacks the file."""
    found = _RELEASE.search(_text(root / "etc/nv_tegra_release"))
    if found is not None:
        return tuple(int(number) for number in found.groups() if number is not None)
    version = _installed(root, r"nvidia-l4t-core")
    return tuple(int(number) for number in version.split(".")) if version else None


def _cuda(root: Path) -> str | None:
    try:
        version = json.loads(_text(root / "usr/local/cuda/version.json"))["cuda"]["version"]
    except (ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) else None


def _installed(root: Path, package: str) -> str | None:
    """Return the version of the first installed Debian package whose name matches, without epoch and revision."""
    for paragraph in _text(root / "var/lib/dpkg/status").split("\n\n"):
        named = re.search(rf"^Package: {package}$", paragraph, re.MULTILINE)
        if named and re.search(r"^Status: \S+ \S+ installed$", paragraph, re.MULTILINE):
            version = _PACKAGE_VERSION.search(paragraph)
            return version.group(1) if version else None
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
