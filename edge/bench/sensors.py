"""What the machine tells of itself while it is measured: throttling and energy, where its kernel counts them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment.

    Attributes:
        throttles: How often cores were slowed down for their heat, since the start; None where nobody counts.
        energy_uj: Microjoules that the processor's packages have used, modulo their counters; None likewise.
        energy_range_uj: At which those counters begin anew.
    """

    throttles: int | None
    energy_uj: int | None
    energy_range_uj: int | None


def read_sensors(root: Path = Path("/")) -> Reading:
    """Read the counters of the machine.

    Args:
        root: Of its file system; `/` but for tests.
    """
    throttles = _numbers(root / "sys/devices/system/cpu", "cpu[0-9]*/thermal_throttle/core_throttle_count")
    # Packages alone: cores and memory are parts of them.
    energy = _numbers(root / "sys/class/powercap", "intel-rapl:[0-9]/energy_uj")
    ranges = _numbers(root / "sys/class/powercap", "intel-rapl:[0-9]/max_energy_range_uj")
    return Reading(
        sum(throttles) if throttles else None, sum(energy) if energy else None, sum(ranges) if ranges else None
    )


def throttled(before: Reading, after: Reading) -> bool | None:
    """Whether cores were slowed down in between, None where nobody counts."""
    if before.throttles is None or after.throttles is None:
        return None
    return after.throttles > before.throttles


def joules(before: Reading, after: Reading) -> float | None:
    """Return the energy used in between, None where nobody counts."""
    if before.energy_uj is None or after.energy_uj is None:
        return None
    spent_uj = after.energy_uj - before.energy_uj
    if spent_uj < 0 and after.energy_range_uj is not None:
        spent_uj += after.energy_range_uj
    return spent_uj / 1e6


def _numbers(folder: Path, pattern: str) -> list[int]:
    found: list[int] = []
    for path in sorted(folder.glob(pattern)):
        try:
            found.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return found
