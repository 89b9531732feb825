"""What the machine tells of itself while it is measured: heat, clocks, power and energy, where its kernel does."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MODULE_RAILS: tuple[frozenset[str], ...] = (
    frozenset({"VDD_IN"}),  # Orin Nano and NX: all of the module
    frozenset({"VIN"}),  # Thor
    frozenset({"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"}),  # AGX Orin: all of it is these three
)


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


@dataclass(frozen=True, slots=True)
class Glance:
    """What can be read at one moment and is no counter; None where the machine does not tell it.

    Attributes:
        temperature_c: Of the hottest zone.
        clock_mhz: Of the slowest core.
        gpu_percent: How busy a Jetson's GPU is.
        gpu_clock_mhz: Of a Jetson's GPU.
        power_w: Of a Jetson's whole module, by its INA3221.
    """

    temperature_c: float | None
    clock_mhz: float | None
    gpu_percent: float | None
    gpu_clock_mhz: float | None
    power_w: float | None


def read_sensors(root: Path = Path("/")) -> Reading:
    """Read the counters of the machine.

    Args:
        root: Of its file system; `/` but for tests.
    """
    throttles = _numbers((root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))
    # Packages alone: cores and memory are parts of them.
    energy = _numbers((root / "sys/class/powercap").glob("intel-rapl:[0-9]/energy_uj"))
    ranges = _numbers((root / "sys/class/powercap").glob("intel-rapl:[0-9]/max_energy_range_uj"))
    return Reading(
        sum(throttles) if throttles else None, sum(energy) if energy else None, sum(ranges) if ranges else None
    )


def glance(root: Path = Path("/")) -> Glance:
    """Read what the machine tells at this moment.

    Args:
        root: Of its file system; `/` but for tests.
    """
    heat = _numbers((root / "sys/class/thermal").glob("thermal_zone*/temp"))
    clocks = _numbers((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
    load = _numbers((root / "sys/class/devfreq").glob("*gpu*/device/load"))  # per mille
    gpu = _numbers((root / "sys/class/devfreq").glob("*gpu*/cur_freq"))
    return Glance(
        temperature_c=max(heat) / 1000 if heat else None,
        clock_mhz=min(clocks) / 1000 if clocks else None,
        gpu_percent=load[0] / 10 if load else None,
        gpu_clock_mhz=gpu[0] / 1e6 if gpu else None,
        power_w=_module_power_w(root / "sys/class/hwmon"),
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


def _module_power_w(folder: Path) -> float | None:
    """Return what a Jetson's module takes, None where no set of rails is known to be all of it."""
    watts: dict[str, float] = {}
    for label in folder.glob("*/in[0-9]_label"):
        number = label.name[2]
        pair = _numbers([label.with_name(f"in{number}_input"), label.with_name(f"curr{number}_input")])  # mV, mA
        if len(pair) == 2:  # noqa: PLR2004 - both of them
            watts[label.read_text(encoding="ascii").strip()] = pair[0] * pair[1] / 1e6
    for rails in _MODULE_RAILS:
        if rails <= watts.keys():
            return sum(watts[rail] for rail in rails)
    return None


def _numbers(paths: Iterable[Path]) -> list[int]:
    found: list[int] = []
    for path in paths:
        try:
            found.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return found
