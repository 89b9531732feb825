"""How long exported files take on this machine, through the engine that runs them on a box."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.model.detector import load_engine
from edge.model.engine import Engine, EngineInfo, EngineRequest, ModelContent

EngineName = Literal["openvino", "onnxruntime"]
WARM_UP = 5
ROUNDS = 31  # odd: the median is a measured one
_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Latencies:
    """Median time of one picture on each of several files.

    Attributes:
        engine: What ran them.
        medians_ms: File by file.
        runs: How many pictures each median is of.
    """

    engine: EngineInfo
    medians_ms: tuple[float, ...]
    runs: int


def measure(models: Sequence[Path], height: int, width: int, engine: EngineName) -> Latencies:
    """Time float models on one picture at a time, in turn, so that what else the machine does falls on all alike.

    Args:
        models: Exported ONNX files of input (1, height, width, 3) uint8.
        height: Rows of the input.
        width: Columns of the input.
        engine: Which one; one request with all cores, as a box with one camera has it, computed in float32.

    Raises:
        EdgekitError: A file cannot be loaded.
    """
    loaded = [
        load_engine(engine, EngineRequest(ModelContent.read(model), "fp32", height, width, 1)) for model in models
    ]
    picture = np.random.default_rng(0).integers(0, 255, (1, height, width, 3), dtype=np.uint8)
    for one in loaded:
        _time(one, picture, WARM_UP)
    times: list[list[float]] = [[] for _ in loaded]
    for _ in range(ROUNDS):
        for one, taken in zip(loaded, times, strict=True):
            taken.extend(_time(one, picture, _IN_A_ROW))
    medians = tuple(round(statistics.median(taken), 3) for taken in times)
    return Latencies(loaded[0].info, medians, ROUNDS * _IN_A_ROW)


def _time(engine: Engine, picture: NDArray[np.uint8], runs: int) -> list[float]:
    times: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        engine.infer(picture)
        times.append(1000 * (time.perf_counter() - began))
    return times
