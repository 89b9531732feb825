"""The box under measurement, in a process of its own, so that whoever measures costs it nothing.

Its arguments are a plan as JSON on standard input; what it counted comes as one line of JSON at its end.
"""

import json
import resource
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from devices.errors import EdgekitError
from edge.bench.plan import Case, Subject, box_config
from edge.runtime.box import run_box
from edge.runtime.lane import Inferred
from edge.tags.interpreter import CameraInterpreter

_MOST_FRAMES = 200_000  # whose stages are kept


@dataclass(frozen=True, slots=True)
class Plan:
    """What the process is to run.

    Attributes:
        subject: What is run.
        case: How.
        seconds: At most, from the first frame on.
        folder: An empty one, for the outbox.
    """

    subject: Subject
    case: Case
    seconds: float
    folder: Path


@dataclass(frozen=True, slots=True)
class Counted:
    """What a box counted of itself.

    Attributes:
        seconds: Of the run.
        frames: Through every stage.
        dropped: Frames that nobody had time for.
        events: By kind.
        stages_ms: The middle frame's milliseconds by stage.
        engine: What ran the model.
        cpu_s: Processor seconds of the process from its first frame on.
        memory_mib: Most that it held.
    """

    seconds: float
    frames: int
    dropped: int
    events: dict[str, int]
    stages_ms: dict[str, float]
    engine: dict[str, str | int]
    cpu_s: float
    memory_mib: float


class Stages:
    """Collects what each frame spent where.

    Args:
        on_first: Called at the first frame.
    """

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._samples: dict[str, list[float]] = {}
        self._kept = 0
        self._began_cpu_s: float | None = None

    @property
    def cpu_s(self) -> float:
        """Processor seconds of the process since the first frame: loading engines is no part of running them."""
        return 0.0 if self._began_cpu_s is None else _cpu_s() - self._began_cpu_s

    def look(self, inferred: Inferred, half: CameraInterpreter) -> None:
        """Take a frame; called in the lane, so it only appends."""
        del half
        if self._began_cpu_s is None:
            self._began_cpu_s = _cpu_s()
            self._on_first()
        if self._kept < _MOST_FRAMES:
            self._kept += 1
            for stage, spent_ms in inferred.stages_ms.items():
                self._samples.setdefault(stage, []).append(spent_ms)

    def medians(self) -> dict[str, float]:
        """Return the median by stage, milliseconds."""
        return {stage: round(float(np.median(samples)), 3) for stage, samples in self._samples.items()}


def main() -> None:
    """Run one case and print what it came to."""
    plan = TypeAdapter(Plan).validate_json(sys.stdin.buffer.read())
    stop = threading.Event()
    timer = threading.Timer(plan.seconds, stop.set)
    timer.daemon = True
    stages = Stages(timer.start)
    try:
        summary = run_box(box_config(plan.subject, plan.case, plan.folder), stop, stages.look)
    except EdgekitError as exc:
        sys.exit(f"error: {exc}")
    finally:
        timer.cancel()
    counted = Counted(
        seconds=summary.seconds,
        frames=summary.frames,
        dropped=summary.dropped,
        events=dict(summary.events),
        stages_ms=stages.medians(),
        engine=asdict(summary.engine),
        cpu_s=stages.cpu_s,
        memory_mib=_most_memory_mib(),
    )
    sys.stdout.write(json.dumps(asdict(counted)) + "\n")


def _most_memory_mib() -> float:
    """Return the most that this program held; getrusage would count what its parent was before it became this one."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
