"""What the runtime costs beside inference: its pipeline from frames in memory against OpenVINO's `benchmark_app`.

    python tests/peers/pipeline.py WORK --clip CLIP --model MODEL [--model MODEL …] [--hint f32 bf16] [--rounds 5]

Runs the real feeds, places, intake, workers and lanes, with a shelf zone over the whole picture whose events are
committed to an outbox. A model is an exported ONNX file or the INT8 .xml of `edgekit compress quantize`. Rounds of both
are alternated, medians printed; the last column decodes the clip's H.264 as well.
"""

import argparse
import itertools
import logging
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import openvino as ov
from numpy.typing import NDArray

from edge.config import Codes
from edge.model.decode import Decoder
from edge.model.detector import Detector, load_engine
from edge.model.engine import EngineRequest, Hint, ModelContent, Placement
from edge.mqtt.conversion import Origin
from edge.mqtt.outbox import Outbox
from edge.runtime.intake import Inlet, Intake
from edge.runtime.lane import Inferred, Lane
from edge.runtime.model_in_use import LoadedModel, ModelInUse
from edge.runtime.runner import Runner, RunningCamera, StatusSender
from edge.tags.events import TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.video.feed import CameraFeed
from edge.video.frame import ClockSource, Frame
from edge.video.newest import FrameQueue
from edge.video.section import Camera, FileSource
from edge.video.sources import FrameSource, open_source
from edge.zones import Shelf

_COCO = 80
_FPS = 30.0
_WARM_FRAMES = 20
Image = NDArray[np.uint8]
Source = Callable[[Camera], FrameSource]


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: a model file, in what its floats are computed, and over how many cameras."""

    model: Path
    hint: Hint
    cameras: int


class MemoryFrames:
    """A source that shows decoded pictures again and again, so many frames in all, or at a camera's speed."""

    damaged = 0

    def __init__(self, camera: str, pictures: Sequence[Image], frames: int, period_s: float = 0.0) -> None:
        self._camera = camera
        self._pictures = pictures
        self._frames = frames
        self._period_s = period_s

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, a thirtieth of a second apart on their own time line."""
        for index in range(self._frames):
            time.sleep(self._period_s)
            image = self._pictures[index % len(self._pictures)]
            now = datetime.now(timezone.utc)
            yield Frame(self._camera, index, now, ClockSource.FILE, index / _FPS, time.monotonic(), image)

    def close(self) -> None:
        """Nothing is held."""


def cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def decoded(clip: Path) -> list[Image]:
    """Return all pictures of a clip (H, W, 3) uint8 BGR."""
    with av.open(str(clip)) as container:
        return [picture.to_ndarray(format="bgr24").astype(np.uint8) for picture in container.decode(video=0)]


def input_size(model: Path) -> tuple[int, int]:
    """Return height and width of a model's input (1, height, width, 3)."""
    shape = ov.Core().read_model(str(model)).inputs[0].shape
    return int(shape[1]), int(shape[2])


def load(case: Case, requests: int) -> Detector:
    """Load a model of COCO's classes on OpenVINO."""
    height, width = input_size(case.model)
    precision = "int8" if "int8" in case.model.name else "fp32"
    request = EngineRequest(
        ModelContent.read(case.model), precision, height, width, requests, Placement(hint=case.hint)
    )
    classes = tuple(f"class-{index}" for index in range(_COCO))
    return Detector(load_engine("openvino", request), Decoder("yolo-grid", _COCO, 0.35, 0.6), classes, height, width)


@dataclass(frozen=True, slots=True)
class Passed:
    """What a run of the pipeline came to: seconds a frame went through, stage by stage, and events told."""

    frames_per_second: float
    stages_ms: dict[str, float]
    around_ms: float
    events: int


class Pipeline:
    """The runtime's own parts around one detector, without broker and command line."""

    def __init__(self, detector: Detector, outbox: Outbox) -> None:
        self._detector = detector
        self._outbox = outbox
        self._intake: Intake | None = None
        self._events = 0
        self._done: list[float] = []
        self._stages: list[dict[str, float]] = []
        self._around_ms: list[float] = []

    def run(self, sources: Sequence[Source], clip: Path) -> Passed:
        """Let each source's frames go through, each a camera of its own."""
        requests = self._detector.info.requests
        shelf = Shelf.model_validate({"name": "all", "rectangle": (0, 0, 1, 1), "debounce_s": 0.3})
        places = [FrameQueue(announce=self._announce) for _ in sources]
        cameras = [
            Camera(name=f"camera-{number}", source=FileSource(kind="file", path=clip), shelf=(shelf,))
            for number in range(len(sources))
        ]
        lanes = [
            Lane(CameraInterpreter(camera, Codes(), self._detector.classes), self._commit, self._observe)
            for camera in cameras
        ]
        # The file is in no bundle; all that is asked of one here is its digest.
        models = ModelInUse(LoadedModel.of(cast("Any", SimpleNamespace(digest="bench")), self._detector))
        intake = Intake([Inlet(*each) for each in zip(places, lanes, strict=True)], requests + 1, models)
        self._intake = intake
        running = [
            RunningCamera(CameraFeed(camera, place, on_gap=lambda _: None, opener=_opener(source)), lane)
            for camera, place, source, lane in zip(cameras, places, sources, lanes, strict=True)
        ]
        self._events = 0
        self._done, self._stages, self._around_ms = [], [], []
        statuses = StatusSender("bench", "box", "run", lambda _: None)
        Runner(models, running, intake, statuses, lambda: None).run(threading.Event())
        done = self._done[_WARM_FRAMES:]
        stages = {
            name: statistics.median(stage[name] for stage in self._stages[_WARM_FRAMES:]) for name in self._stages[0]
        }
        rate = (len(done) - 1) / (done[-1] - done[0])
        return Passed(rate, stages, statistics.median(self._around_ms[_WARM_FRAMES:]), self._events)

    def _announce(self) -> None:
        if self._intake is not None:
            self._intake.wake()

    def _commit(self, events: Sequence[TagEvent]) -> None:
        self._outbox.commit(events)
        self._events += len(events)

    def _observe(self, inferred: Inferred, half: CameraInterpreter) -> None:
        del half
        now = time.monotonic()
        self._done.append(now)
        self._stages.append(dict(inferred.stages_ms))
        self._around_ms.append((now - inferred.frame.arrived_s) * 1000 - inferred.stages_ms["infer"])


def _opener(source: Source) -> Callable[[Camera, int], FrameSource]:
    return lambda camera, _: source(camera)


def benchmark_app(case: Case, seconds: int) -> float:
    """Return the frames a second of OpenVINO's own asynchronous loop on the same file, the same hint."""
    binary = Path(sys.executable).with_name("benchmark_app")
    options = ["-d", "CPU", "-hint", "throughput", "-infer_precision", case.hint, "-t", str(seconds)]
    done = subprocess.run([binary, "-m", case.model, *options], capture_output=True, text=True, check=True)
    found = re.search(r"Throughput:\s+([\d.]+) FPS", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def _from_memory(camera: Camera, pictures: Sequence[Image], frames: int) -> FrameSource:
    return MemoryFrames(camera.name, pictures, frames)


@dataclass(frozen=True, slots=True)
class Round:
    """One alternated pair, frames a second."""

    peer: float
    ours: float


def measure(case: Case, clip: Path, pictures: Sequence[Image], rounds: int, seconds: int, outbox: Outbox) -> None:
    """Print what the rounds of one case came to."""
    pipeline = Pipeline(load(case, requests=2 * cores()), outbox)
    found: list[Round] = []
    passed: list[Passed] = []
    rate = benchmark_app(case, 1)
    for _ in range(rounds):
        frames = max(2 * _WARM_FRAMES, int(rate * seconds / case.cameras))
        peer = benchmark_app(case, seconds)
        memory = [partial(_from_memory, pictures=pictures, frames=frames)] * case.cameras
        passed.append(pipeline.run(memory, clip))
        found.append(Round(peer, passed[-1].frames_per_second))
        rate = passed[-1].frames_per_second
    ratios = [each.ours / each.peer for each in found]
    peer, ours = (statistics.median(getattr(each, name) for each in found) for name in ("peer", "ours"))
    decoding = pipeline.run([open_source], clip).frames_per_second if case.cameras == 1 else None
    stages = ", ".join(f"{name} {value:.2f}" for name, value in passed[-1].stages_ms.items())
    height, width = input_size(case.model)
    print(
        f"{case.model.name} {height}x{width} {case.hint}, {case.cameras} streams: benchmark_app {peer:.1f}, "
        f"pipeline {ours:.1f}, ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        + (f", with H.264 {decoding:.1f}" if decoding is not None else "")
        + f"; ms a frame: {stages}; {passed[-1].events} events",
        flush=True,
    )


def latency(case: Case, clip: Path, pictures: Sequence[Image], outbox: Outbox) -> None:
    """Print what lies around inference where one camera of ten pictures a second has all cores, one request."""
    pipeline = Pipeline(load(case, requests=1), outbox)
    passed = pipeline.run([lambda camera: MemoryFrames(camera.name, pictures, 60, period_s=0.1)], clip)
    height, width = input_size(case.model)
    print(
        f"{case.model.name} {height}x{width} {case.hint}, latency: inference {passed.stages_ms['infer']:.1f} ms, from "
        f"a frame's arrival to the end of its step {passed.around_ms:.2f} ms more (p50)",
        flush=True,
    )


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="a folder for the outbox")
    parser.add_argument("--clip", type=Path, required=True, help="H.264")
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("--hint", nargs="+", default=["f32"], choices=["f32", "bf16"])
    parser.add_argument("--cameras", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.INFO)
    pictures = decoded(arguments.clip)[:300]
    print(f"OpenVINO {ov.get_version()}, pictures {pictures[0].shape[1]}x{pictures[0].shape[0]}")
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        origin = Origin("bench", "box", "run")
        with Outbox.open(Path(folder) / "outbox.db", origin=origin) as outbox:
            for model, hint in itertools.product(arguments.model, arguments.hint):
                latency(Case(model, hint, 1), arguments.clip, pictures, outbox)
                for cameras in arguments.cameras:
                    case = Case(model, hint, cameras)
                    measure(case, arguments.clip, pictures, arguments.rounds, arguments.seconds, outbox)


if __name__ == "__main__":
    main()
