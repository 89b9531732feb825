"""What the motion gate saves: a clip that stands still for most of its time, with policy `every` and with `motion`.

    python tests/peers/motion.py WORK [--held 0.95] [--rounds 3] [--bundle BUNDLE --trusted-key KEY --precision int8]

The conveyor of the demonstration stops twice, in the middle of its parcels; noise goes on, as a sensor's does. Prints
the processor seconds of both, alternated, from the first frame to the last, and whether the events are the same.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from edge.config import BoxConfig
from edge.demo.listener import Listener
from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY, load_truth
from edge.mqtt.broker import EmbeddedBroker
from edge.mqtt.messages import EventMessage
from edge.mqtt.topics import Topics
from edge.runtime.box import run_box
from edge.runtime.lane import Inferred
from edge.tags.interpreter import CameraInterpreter

_FPS = 30
_NOISE = 1.5
_MOVING_S = 10.0
Image = NDArray[np.uint8]


def held_clip(out: Path, held: float) -> int:
    """Write the first seconds of the demonstration's clip with two long stops in them; return its frames."""
    with av.open(str(CLIP)) as container:
        moving = [
            picture.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
            for _, picture in zip(range(int(_MOVING_S * _FPS)), container.decode(video=0), strict=False)
        ]
    still = int(len(moving) * held / (1 - held)) // 2
    stops = {len(moving) // 3, 2 * len(moving) // 3}
    # Noise of one sensor, rolled: drawing it anew for minutes of video would take longer than coding them.
    noise = np.random.default_rng(0).normal(0, _NOISE, moving[0].shape).round().astype(np.int16)
    count = 0
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(_FPS), options={"crf": "20", "preset": "veryfast"})
        stream.height, stream.width = moving[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in _with_stops(moving, stops, still):
            shifted = np.roll(noise, count * 7919 % noise.shape[1], axis=1)
            noisy = np.clip(picture.astype(np.int16) + shifted, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")))
            count += 1
        container.mux(stream.encode())
    return count


def _with_stops(moving: list[Image], stops: set[int], still: int) -> Iterator[Image]:
    for index, picture in enumerate(moving):
        yield from (picture for _ in range(still if index in stops else 1))


def run(clip: Path, policy: str, model: dict[str, Any]) -> tuple[float, int, list[tuple[str, ...]]]:
    """Run a clip; return processor seconds from its first frame to its last, frames not inferred, and its events.

    Args:
        clip: The clip.
        policy: Which of its frames are taken.
        model: The sections `bundle` and `inference` of the box's config.
    """
    marks: list[float] = []
    events: list[EventMessage] = []

    def observe(inferred: Inferred, half: CameraInterpreter) -> None:
        del inferred, half
        marks.append(time.process_time())

    with tempfile.TemporaryDirectory(dir=clip.parent) as folder, EmbeddedBroker() as broker:
        line_x = load_truth(CLIP).line_x
        config = BoxConfig.model_validate(
            {
                "box": {"site": "bench", "name": "box"},
                **model,
                "mqtt": {"host": broker.host, "port": broker.port},
                "outbox": {"path": Path(folder) / "outbox.db"},
                "camera": [
                    {
                        "name": "belt",
                        "source": {"kind": "file", "path": clip},
                        "policy": policy,
                        "line": [{"name": "gate", "start": (line_x, 0), "end": (line_x, 1)}],
                    }
                ],
            }
        )
        with Listener(broker.host, broker.port, Topics("bench", "box").events("belt"), events.append):
            summary = run_box(config, threading.Event(), observe)
            deadline = time.monotonic() + 10
            while len(events) < sum(summary.events.values()) and time.monotonic() < deadline:
                time.sleep(0.01)
    told = [(event.kind.value, *(tag.value for tag in event.tags if tag.key == "code")) for event in events]
    return marks[-1] - marks[0], summary.still + summary.spared, told


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="a folder for the clip")
    parser.add_argument("--held", type=float, default=0.95, help="share of the time in which nothing moves")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument("--trusted-key", type=Path, default=TRUSTED_KEY)
    parser.add_argument("--precision", default="int8")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    clip = arguments.work / "held.mp4"
    frames = held_clip(clip, arguments.held)
    model = {
        "bundle": {"path": arguments.bundle, "trusted_keys": (arguments.trusted_key,)},
        "inference": {"precision": arguments.precision},
    }
    ratios: list[float] = []
    for _ in range(arguments.rounds):
        every_s, _, every = run(clip, "every", model)
        motion_s, still, motion = run(clip, "motion", model)
        ratios.append(every_s / motion_s)
        same = "the same" if every == motion else f"others: {motion}"
        print(
            f"{frames} frames, {still} not inferred: every {every_s:.1f} s of processor, motion {motion_s:.1f} s, "
            f"{ratios[-1]:.1f} times less; {len(every)} events, {same}"
        )
    print(f"median: {statistics.median(ratios):.1f} times less")


if __name__ == "__main__":
    main()
