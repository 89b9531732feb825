"""Whether crops are better classified in batches or one by one through several requests.

    python tests/peers/crops.py CLASSIFIER.onnx [--rounds 5] [--seconds 2]

Crops a second of one model file on OpenVINO, alternated: batches of one, two, four and eight in one request, and single
crops from two threads through two requests, as the runtime does it. Precision hint f32.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov

_BATCHES = (1, 2, 4, 8)
_REQUESTS = 2


def _compiled(path: Path, batch: int, streams: int) -> ov.CompiledModel:
    core = ov.Core()
    model = core.read_model(path)
    _, height, width, channels = model.inputs[0].shape
    model.reshape([batch, height, width, channels])
    return core.compile_model(
        model,
        "CPU",
        {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": 2, "INFERENCE_PRECISION_HINT": "f32"},
    )


def _run(compiled: ov.CompiledModel, threads: int) -> Callable[[float], float]:
    """Return what runs a model from so many threads for some seconds, and returns crops a second."""
    shape = tuple(compiled.inputs[0].shape)
    crops = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)

    def measure(seconds: float) -> float:
        counts: list[int] = []

        def work() -> None:
            request, count, end_s = compiled.create_infer_request(), 0, time.monotonic() + seconds
            while time.monotonic() < end_s:
                request.infer([crops])
                count += shape[0]
            counts.append(count)

        running = [threading.Thread(target=work) for _ in range(threads)]
        began = time.monotonic()
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return sum(counts) / (time.monotonic() - began)

    return measure


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    ways = {f"batches of {batch}": _run(_compiled(arguments.model, batch, 1), 1) for batch in _BATCHES}
    ways[f"single crops, {_REQUESTS} requests"] = _run(_compiled(arguments.model, 1, _REQUESTS), _REQUESTS)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, measure in ways.items():
            rates[name].append(measure(arguments.seconds))
    for name, found in rates.items():
        print(f"{name}: {statistics.median(found):.1f} crops a second")


if __name__ == "__main__":
    main()
