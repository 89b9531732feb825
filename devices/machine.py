"""What was found out about a machine: the facts that profiles are held against."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Jetson:
    """What a Jetson tells about itself.

    Attributes:
        l4t: Release of Jetson Linux, e.g. (36, 4, 3).
        jetpack: Major version of the JetPack that belongs to it, None for one that is not known.
        cuda: Version of the CUDA toolkit's runtime, None where none is installed.
        tensorrt: Version of TensorRT, None where none is installed.
        power_mode: Name of the power mode, None where `nvpmodel` does not say.
    """

    l4t: tuple[int, ...]
    jetpack: int | None
    cuda: str | None
    tensorrt: str | None
    power_mode: str | None


@dataclass(frozen=True, slots=True)
class Storage:
    """The disk that holds the root folder.

    Attributes:
        total_mib: Its size.
        free_mib: What an ordinary user may still write.
        worn_percent: How much of its life an eMMC or UFS says it has used, at most; None where the disk does not say.
    """

    total_mib: int
    free_mib: int
    worn_percent: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as its own files describe it.

    Attributes:
        architecture: `x86_64`, `aarch64`, or what else the kernel says.
        cpu: Name of the processor; empty where /proc/cpuinfo gives none.
        cpu_flags: Features of the processor, as /proc/cpuinfo names them.
        cores: Logical processors that this process may use.
        memory_mib: All of it.
        system: Name and version of the operating system.
        python: Of the interpreter at work.
        glibc: Version of the C library, None for another one.
        board: Name of the board from the device tree, None where there is no device tree.
        jetson: None for any other machine.
        gpus: Drivers that have claimed a graphics processor, e.g. `i915`.
        npus: Drivers that have claimed a neural accelerator.
        cameras: V4L2 device nodes.
        storage: The disk below the root folder.
    """

    architecture: str
    cpu: str
    cpu_flags: frozenset[str]
    cores: int
    memory_mib: int
    system: str
    python: str
    glibc: str | None
    board: str | None
    jetson: Jetson | None
    storage: Storage
    gpus: tuple[str, ...] = ()
    npus: tuple[str, ...] = ()
    cameras: tuple[str, ...] = field(default=())
