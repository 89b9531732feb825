"""How cost grows: with streams, input size, objects in the picture, zones, what waits in the outbox, events a second.

    python tests/peers/growth.py WORK --model detector.onnx [--model SMALLER.onnx …] --clip CLIP --plot growth.png

Prints a Markdown table each and draws all of them. Streams and sizes run the real pipeline; objects and zones the tags
half alone, with arrays; the outbox real commits on a real disk.
"""

import argparse
import logging
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
from backlog import parcel  # pyright: ignore[reportMissingImports] - beside this file
from pipeline import (  # pyright: ignore[reportMissingImports]
    Case,
    MemoryFrames,
    Pipeline,
    cores,
    decoded,
    input_size,
    load,
)

from edge.config import Codes
from edge.model.detections import Detections
from edge.mqtt.bounds import Bounds
from edge.mqtt.conversion import Origin
from edge.mqtt.outbox import Outbox
from edge.tags.interpreter import CameraInterpreter
from edge.video.frame import ClockSource, Frame
from edge.video.section import Camera, FileSource
from edge.zones import Line, Shelf

mpl.use("Agg")
import matplotlib.pyplot as plt

_STREAMS = (1, 2, 4, 8, 16)
_OBJECTS = (1, 10, 50, 100, 200, 500)
_ZONES = (1, 4, 16, 64)
_RATES = (10, 50, 200, 800)
_FRAMES = 60
_PAGE = 10  # events that a publisher takes and ends at a time
_SIDE = 40


@dataclass(frozen=True, slots=True)
class Series:
    """One cost over one cause, medians."""

    cause: str
    cost: str
    points: tuple[tuple[float, float], ...]

    def markdown(self) -> str:
        """Return it as a table of two rows."""
        causes = " | ".join(f"{cause:g}" for cause, _ in self.points)
        costs = " | ".join(f"{cost:.3g}" for _, cost in self.points)
        return f"| {self.cause} | {causes} |\n|{'---|' * (len(self.points) + 1)}\n| {self.cost} | {costs} |\n"


def memory_mib() -> float:
    """Return what this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def over_streams(model: Path, clip: Path, frames: int, outbox: Outbox) -> list[Series]:
    """Run the pipeline on more and more cameras, so many frames in all."""
    pictures = decoded(clip)[:100]
    pipeline = Pipeline(load(Case(model, "f32", 1), requests=2 * cores()), outbox)
    rates: list[tuple[float, float]] = []
    held: list[tuple[float, float]] = []
    for streams in _STREAMS:
        each = max(40, frames // streams)
        sources = [partial(_memory, pictures=pictures, frames=each)] * streams
        found = [pipeline.run(sources, clip).frames_per_second for _ in range(3)]
        rates.append((streams, statistics.median(found)))
        held.append((streams, memory_mib()))
    return [
        Series("streams", "frames a second, all together", tuple(rates)),
        Series("streams", "memory MiB, this process with the clip in it", tuple(held)),
    ]


def _memory(camera: Camera, pictures: Sequence[np.ndarray], frames: int) -> MemoryFrames:
    return MemoryFrames(camera.name, pictures, frames)


def over_sizes(models: Sequence[Path], clip: Path, frames: int, outbox: Outbox) -> Series:
    """Run the pipeline on inputs of several sizes."""
    pictures = decoded(clip)[:100]
    points: list[tuple[float, float]] = []
    for model in models:
        pipeline = Pipeline(load(Case(model, "f32", 1), requests=2 * cores()), outbox)
        found = [pipeline.run([partial(_memory, pictures=pictures, frames=frames)], clip) for _ in range(3)]
        height, width = input_size(model)
        points.append((height * width / 1000, statistics.median(one.frames_per_second for one in found)))
    return Series("thousand pixels of input", "frames a second", tuple(sorted(points)))


def tags_half_ms(objects: int, zones: int) -> float:
    """Return the middle frame's milliseconds in the tags half, with objects that move and zones that they stand in."""
    side = int(np.ceil(np.sqrt(zones)))
    shelves = tuple(
        Shelf.model_validate(
            {
                "name": f"zone-{number}",
                "rectangle": (
                    (number % side) / side,
                    (number // side) / side,
                    (number % side + 1) / side,
                    (number // side + 1) / side,
                ),
            }
        )
        for number in range(zones)
    )
    line = (Line(name="middle", start=(0.5, 0.0), end=(0.5, 1.0)),)
    camera = Camera(name="c", source=FileSource(kind="file", path=Path("none")), line=line, shelf=shelves)
    half = CameraInterpreter(camera, Codes(), ("carton",))
    image = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3)).astype(np.uint8)
    places = np.arange(objects)
    lefts = (places * (_SIDE + 8)) % 1800
    tops = (places * (_SIDE + 8)) // 1800 * (_SIDE + 8)
    spent: list[float] = []
    for index in range(_FRAMES):
        left = lefts + 2.0 * index
        xyxy = np.stack([left, tops, left + _SIDE, tops + _SIDE], axis=1).astype(np.float32)
        found = Detections(xyxy, np.full(objects, 0.9, np.float32), np.zeros(objects, np.int32))
        frame = Frame("c", index, datetime.now(timezone.utc), ClockSource.FILE, index / 10, time.monotonic(), image)
        began = time.perf_counter()
        half.step(frame, found, {})
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent[10:])


def over_depth(folder: Path, depths: Sequence[int]) -> list[Series]:
    """Let more and more undelivered events wait: what it then takes to open the outbox, to commit and to publish."""
    costs: dict[str, list[tuple[float, float]]] = {"commit": [], "publish": [], "open": []}
    open_outbox = partial(
        Outbox.open,
        folder / "depth.db",
        origin=Origin("bench", "box", "run"),
        bounds=Bounds(events=2_000_000, size_bytes=2**33),
        keep=Bounds(events=1_000),
    )
    for depth in depths:
        with open_outbox() as outbox:
            while outbox.depth < depth:
                outbox.commit([parcel(number) for number in range(min(2_000, depth - outbox.depth))])
        began = time.perf_counter()
        with open_outbox() as outbox:
            costs["open"].append((depth, (time.perf_counter() - began) * 1000))
            rounds = [_publish_and_commit(outbox) for _ in range(30)]
        for name, spent in zip(("publish", "commit"), zip(*rounds, strict=True), strict=True):
            costs[name].append((depth, statistics.median(spent)))
    cause = "events that wait"
    return [
        Series(cause, "ms to commit one more, on disk", tuple(costs["commit"])),
        Series(cause, f"ms to take {_PAGE} for sending and to end them, on disk", tuple(costs["publish"])),
        Series(cause, "ms to open the outbox", tuple(costs["open"])),
    ]


def _publish_and_commit(outbox: Outbox) -> tuple[float, float]:
    """Return the milliseconds of a page that goes out and of an event that comes; the depth stays."""

    def publish() -> None:
        outbox.delivered([(event.body.camera, event.body.seq) for event in outbox.pending(_PAGE)])

    published_ms = _timed(publish)
    commits_ms = [_timed(partial(outbox.commit, [parcel(0)])) for _ in range(_PAGE)]
    return published_ms, statistics.median(commits_ms)


def over_rate(folder: Path) -> Series:
    """Commit events at a rate, each by itself, and tell the share of time that it takes."""
    points: list[tuple[float, float]] = []
    with Outbox.open(folder / "rate.db", origin=Origin("bench", "box", "run")) as outbox:
        for rate in _RATES:
            count = min(400, rate * 2)
            spent = sum(_timed(lambda: outbox.commit([parcel(0)])) for _ in range(count))
            points.append((rate, 100 * rate * spent / count / 1000))
    return Series("events a second", "% of one thread's time in commits", tuple(points))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def plot(found: Sequence[Series], path: Path) -> None:
    """Draw all series, each in a plot of its own.

    Where both span decades, both axes are logarithmic, and a dotted line grows as its cause does: what is steeper
    grows worse than linear.
    """
    columns = 3
    rows = -(-len(found) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(12.6, 3 * rows), constrained_layout=True)
    for axis, series in zip(axes.flat, found, strict=False):
        causes, costs = zip(*series.points, strict=True)
        axis.plot(causes, costs, marker="o", color="#2f6fde")
        axis.set_xlabel(series.cause)
        axis.set_title(series.cost, fontsize=10)
        if max(causes) / min(causes) > 100:
            axis.set_xscale("log")
        if max(causes) / min(causes) > 100 and max(costs) / min(costs) > 10:
            axis.plot(causes, [costs[-1] * cause / causes[-1] for cause in causes], ":", color="#9aa3ad")
            axis.set(yscale="log", ylim=(min(costs) / 3, max(costs) * 3))
        else:
            axis.set_ylim(0, 1.15 * max(costs))
        axis.grid(alpha=0.3)
    for axis in list(axes.flat)[len(found) :]:
        axis.remove()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="a folder on the disk that is measured")
    parser.add_argument("--model", type=Path, action="append", required=True, help="of COCO's classes, a size each")
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--depths", type=int, nargs="+", default=[10, 1_000, 100_000, 1_000_000])
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.INFO)
    print(f"{os.cpu_count()} cores, Python's own tags half on 1920x1080 pictures")
    found: list[Series] = []

    def take(*series: Series) -> None:
        found.extend(series)
        for one in series:
            print(one.markdown(), flush=True)

    with tempfile.TemporaryDirectory(dir=arguments.work) as name:
        folder = Path(name)
        with Outbox.open(folder / "outbox.db", origin=Origin("bench", "box", "run")) as outbox:
            take(*over_streams(arguments.model[0], arguments.clip, arguments.frames, outbox))
            if len(arguments.model) > 1:
                take(over_sizes(arguments.model, arguments.clip, arguments.frames, outbox))
        take(
            Series(
                "objects in the picture",
                "ms a frame in the tags half",
                tuple((n, tags_half_ms(n, 1)) for n in _OBJECTS),
            )
        )
        take(
            Series("zones", "ms a frame in the tags half, 50 objects", tuple((n, tags_half_ms(50, n)) for n in _ZONES))
        )
        take(over_rate(folder))
        take(*over_depth(folder, arguments.depths))
    if arguments.plot is not None:
        plot(found, arguments.plot)


if __name__ == "__main__":
    main()
