"""Runs one task of one way, in this process: how fast it plays a clip, how soon it answers, what it finds.

    python tests/peers/run_way.py WAY TASK < plan.json        # started by side_by_side.py

Prints one line of JSON: what the task came to, processor seconds and most memory of the process.
"""

import argparse
import json
import logging
import os
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
from pydantic import TypeAdapter
from way import Image, Plan, Way  # pyright: ignore[reportMissingImports] - beside this file
from ways import WAYS, Edgekit  # pyright: ignore[reportMissingImports] - beside this file

_WARM = 20
_LATENCY_FRAMES = 60


def speed(way: Way, plan: Plan) -> dict[str, float]:
    """Play the clip as fast as it goes; frames a second after the first few, and processor time a frame."""
    cpu_s = _cpu_s()
    done = [time.monotonic() for _ in way.play(plan.clip)]
    cpu_s = _cpu_s() - cpu_s
    frames = _frames(plan.clip)
    if isinstance(way, Edgekit):
        return {"fps": way.rate, "cpu_ms": 1000 * cpu_s / frames}
    done = done[_WARM:]
    return {"fps": (len(done) - 1) / (done[-1] - done[0]), "cpu_ms": 1000 * cpu_s / frames}


def latency(way: Way, plan: Plan) -> dict[str, float]:
    """One picture at a time, from BGR to boxes, p50 and p95."""
    spent: list[float] = []
    for image in _pictures(plan.clip, _WARM + _LATENCY_FRAMES):
        began = time.perf_counter()
        way.find(image)
        spent.append((time.perf_counter() - began) * 1000)
    return {"p50_ms": statistics.median(spent[_WARM:]), "p95_ms": float(np.percentile(spent[_WARM:], 95))}


def accuracy(way: Way, plan: Plan) -> dict[str, float]:
    """Average precision of each class that the set labels, by the kit's own scorer."""
    from edge.evaluate.dataset import open_set  # noqa: PLC0415
    from edge.evaluate.measure import run_over, score_by_class  # noqa: PLC0415

    finder: Any = SimpleNamespace(classes=plan.classes, info=SimpleNamespace(requests=1), detect=way.find)
    found = run_over(finder, [open_set(plan.data)], "val")
    scores = score_by_class(found)
    told = {f"map50/{plan.classes[class_id]}": one.map50 for class_id, one in scores.items()}
    return told | {f"map50_95/{plan.classes[class_id]}": one.map50_95 for class_id, one in scores.items()}


def _pictures(clip: Path, most: int) -> Sequence[Image]:
    def all_of() -> Iterator[Image]:
        capture = cv2.VideoCapture(str(clip))
        while (read := capture.read())[0]:
            yield cast("Image", read[1])

    return list(islice(all_of(), most))


def _frames(clip: Path) -> int:
    return int(cv2.VideoCapture(str(clip)).get(cv2.CAP_PROP_FRAME_COUNT))


def _most_memory_mib() -> float:
    """Return the most that this program held; getrusage would count what its parent was before it became this one."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run one task of one way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("task", choices=["speed", "latency", "accuracy"])
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    # What libraries say on standard output must not mix with the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    plan = TypeAdapter(Plan).validate_json(sys.stdin.buffer.read())
    score = 0.001 if arguments.task == "accuracy" else 0.35
    way = WAYS[arguments.way](plan, score, plan.requests if arguments.task == "speed" else 1)
    told = {"speed": speed, "latency": latency, "accuracy": accuracy}[arguments.task](way, plan)
    memory_mib = _most_memory_mib()
    answer.write(json.dumps({**told, "memory_mib": memory_mib}) + "\n")
    answer.flush()


if __name__ == "__main__":
    main()
