"""Finds out what this machine is, from its own files alone: nothing is installed for it, nothing is written."""

import os
import platform
import re
from pathlib import Path

from devices.machine import Machine, Storage
from devices.tegra import read_jetson

_MIB = 1024 * 1024
_LIFE_STEP_PERCENT = 10  # JEDEC eMMC 5.1, EXT_CSD 268 and 269: life used in steps of ten percent


def probe(root: Path = Path("/"), architecture: str | None = None) -> Machine:
    """Describe a machine.

    Args:
        root: The root of its file system; `/` but for tests, which keep recorded files of other machines.
        architecture: Of that machine; by default this one's.
    """
    cpuinfo = _text(root / "proc/cpuinfo")
    return Machine(
        architecture=architecture or platform.machine(),
        cpu=_field(cpuinfo, "model name") or _field(cpuinfo, "Model") or "",
        cpu_flags=frozenset((_field(cpuinfo, "flags") or _field(cpuinfo, "Features") or "").split()),
        cores=_cores(root, cpuinfo),
        memory_mib=_memory_mib(root),
        system=_system(root),
        python=platform.python_version(),
        glibc=platform.libc_ver()[1] or None,
        board=_text(root / "proc/device-tree/model").strip("\0\n ") or None,
        jetson=read_jetson(root),
        storage=_storage(root),
        gpus=_drivers(root / "sys/class/drm", r"card\d+"),
        npus=_drivers(root / "sys/class/accel", r"accel\d+"),
        cameras=tuple(sorted(f"/dev/{path.name}" for path in (root / "dev").glob("video*"))),
    )


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^{re.escape(name)}\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else None


def _cores(root: Path, cpuinfo: str) -> int:
    """Return what this process may use; of another machine's files, all that they list."""
    return (
        len(os.sched_getaffinity(0)) if root == Path("/") else len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE))
    )


def _memory_mib(root: Path) -> int:
    total = _field(_text(root / "proc/meminfo"), "MemTotal")
    return int(total.split()[0]) // 1024 if total else 0


def _system(root: Path) -> str:
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', _text(root / "etc/os-release"), re.MULTILINE)
    return found.group(1) if found else platform.system()


def _storage(root: Path) -> Storage:
    space = os.statvfs(root)
    return Storage(
        total_mib=space.f_blocks * space.f_frsize // _MIB,
        free_mib=space.f_bavail * space.f_frsize // _MIB,
        worn_percent=_worn_percent(root),
    )


def _worn_percent(root: Path) -> int | None:
    """Return the most that any eMMC says of its life's use: two estimates, for two kinds of its memory."""
    steps = [
        int(step, 16)
        for path in (root / "sys/block").glob("mmcblk*/device/life_time")
        for step in _text(path).split()
        if re.fullmatch(r"0x[0-9a-fA-F]{2}", step)
    ]
    known = [step for step in steps if step > 0]
    return max(known) * _LIFE_STEP_PERCENT if known else None


def _drivers(folder: Path, pattern: str) -> tuple[str, ...]:
    """Return the drivers of the devices of a class, each once."""
    devices = [path for path in folder.glob("*") if re.fullmatch(pattern, path.name)]
    drivers = [(path / "device/driver") for path in devices]
    return tuple(sorted({driver.resolve().name for driver in drivers if driver.exists()}))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
