"""How long exported files take on this machine, through the engines that run them on a box, in turn.

Timed in a process of its own: what a smaller CPU would compute is decided by a variable that oneDNN reads once, and a
training beside it must not slow down with it.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from devices.errors import EdgekitError
from edge.model.choice import Choice
from edge.model.detector import load_engine
from edge.model.engine import Engine, EngineInfo, EngineRequest, ModelContent, Placement

EngineName = Literal["openvino", "onnxruntime"]
ISA = "ONEDNN_MAX_CPU_ISA"  # what OpenVINO's oneDNN may use at most of the CPU
_WARM_UP = 5
_ROUNDS = 7
_IN_A_ROW = 21  # odd, as the rounds are: the median is a measured one
# A box runs one model; whoever takes turns finds his weights gone from the caches, which costs a small model most.
_SETTLING = 4
_LONGEST_S = 900.0


class Timed(BaseModel):
    """A file to time, and how it is run.

    Attributes:
        file: Exported, of input (1, height, width, 3) uint8; an OpenVINO model's weights lie beside it.
        way: One request with all cores, as a box with one camera has it.
        height: Rows of the input.
        width: Columns of the input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path
    way: Choice
    height: int
    width: int


class Latencies(BaseModel):
    """Median time of one picture on each of several files.

    Attributes:
        engines: What ran each.
        medians_ms: File by file.
        runs: How many pictures each median is of.
        isa: What the CPU was held to; None: nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engines: tuple[EngineInfo, ...]
    medians_ms: tuple[float, ...]
    runs: int
    isa: str | None


class _Order(BaseModel):
    """What the process is to time, as it gets it on its standard input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[Timed, ...]


def measure(files: Sequence[Timed], isa: str | None = None) -> Latencies:
    """Time files on one picture at a time, in turn, so that what else the machine does falls on all alike.

    Args:
        files: What to time.
        isa: What to hold OpenVINO to, as oneDNN names it; None: whatever the environment says.

    Raises:
        EdgekitError: A file cannot be loaded, or the process that times ends by itself.
    """
    environment = os.environ | ({ISA: isa} if isa is not None else {})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "compress.latency"],
            input=_Order(files=tuple(files)).model_dump_json().encode(),
            capture_output=True,
            env=environment,
            timeout=_LONGEST_S,
            check=False,
        )
        if done.returncode == 0:
            return Latencies.model_validate_json(done.stdout)
    except subprocess.TimeoutExpired as exc:
        raise EdgekitError(
            f"timing {len(files)} files took longer than {_LONGEST_S:g} s: let the machine rest"
        ) from exc
    except ValidationError as exc:
        raise EdgekitError(f"the process that times models gave no answer: {exc}") from exc
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    raise EdgekitError(f"the models cannot be timed: {said[-1]}")


def _time_in_turn(files: Sequence[Timed]) -> Latencies:
    loaded = [
        load_engine(
            timed.way.backend,
            EngineRequest(
                ModelContent.read(timed.file),
                timed.way.precision,
                timed.height,
                timed.width,
                requests=1,
                placement=Placement(hint=timed.way.hint),
            ),
        )
        for timed in files
    ]
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 255, (1, timed.height, timed.width, 3), dtype=np.uint8) for timed in files]
    for engine, picture in zip(loaded, pictures, strict=True):
        _time(engine, picture, _WARM_UP)
    times: list[list[float]] = [[] for _ in loaded]
    for _ in range(_ROUNDS):
        for engine, picture, taken in zip(loaded, pictures, times, strict=True):
            taken.extend(_time(engine, picture, _SETTLING + _IN_A_ROW)[_SETTLING:])
    medians = tuple(round(statistics.median(taken), 3) for taken in times)
    return Latencies(
        engines=tuple(engine.info for engine in loaded),
        medians_ms=medians,
        runs=_ROUNDS * _IN_A_ROW,
        isa=os.environ.get(ISA),
    )


def _time(engine: Engine, picture: NDArray[np.uint8], runs: int) -> list[float]:
    times: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        engine.infer(picture)
        times.append(1000 * (time.perf_counter() - began))
    return times


def main() -> None:
    """Read what to time from standard input, and write the medians to standard output."""
    try:
        found = _time_in_turn(_Order.model_validate_json(sys.stdin.buffer.read()).files)
    except EdgekitError as exc:
        sys.exit(str(exc))
    print(found.model_dump_json())  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
