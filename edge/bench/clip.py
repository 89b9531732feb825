"""The clip that every camera of a bench shows: its speed, what it costs to decode, and a copy at another speed."""

import itertools
import statistics
import time
from fractions import Fraction
from pathlib import Path

import av
import av.error

from devices.errors import EdgekitError
from edge.video.section import Camera, FileSource
from edge.video.sources import open_source

_LOOKED_AT = 120  # pictures
_WARM = 5


def clip_fps(source: Path) -> float:
    """Return a clip's own frames a second.

    Raises:
        EdgekitError: It is missing, or no video with frames.
    """
    if not source.is_file():
        raise EdgekitError(f"there is no clip at {source}: name a video file with --source")
    try:
        with av.open(str(source)) as container:
            rate = container.streams.video[0].average_rate
            shows = next(container.decode(video=0), None) is not None
    except (av.error.FFmpegError, IndexError) as exc:
        raise EdgekitError(f"{source} is no video that can be read: name another with --source") from exc
    if not shows:
        raise EdgekitError(f"{source} holds no picture: name another with --source")
    if not rate:
        raise EdgekitError(f"{source} does not say how fast it plays: copy it into a container that does, as .mp4")
    return float(rate)


def at_speed(source: Path, fps: float, folder: Path) -> Path:
    """Write a copy of a clip whose very same pictures follow one another at another speed, and return it.

    Args:
        source: The clip.
        fps: Pictures a second.
        folder: For the copy.

    Raises:
        EdgekitError: It cannot be copied.
    """
    copy = folder / f"{source.stem}.mp4"
    slower = Fraction(clip_fps(source)).limit_denominator(1001) / Fraction(fps).limit_denominator(1001)
    try:
        with av.open(str(source)) as container, av.open(str(copy), "w") as out:
            shown = container.streams.video[0]
            stream = out.add_stream_from_template(shown)
            for packet in container.demux(shown):
                if packet.dts is None or packet.time_base is None:
                    continue
                packet.time_base *= slower
                packet.stream = stream
                out.mux(packet)
    except (av.error.FFmpegError, ValueError) as exc:
        raise EdgekitError(f"{source} cannot be shown at {fps:g} frames a second ({exc}): leave --fps out") from exc
    return copy


def video_ms(source: Path) -> float:
    """Return the milliseconds that the middle one of a clip's pictures takes from file to BGR, by itself."""
    frames = open_source(Camera(name="clip", source=FileSource(kind="file", path=source)))
    spent: list[float] = []
    try:
        began = time.perf_counter()
        for frame in itertools.islice(frames.frames(), _LOOKED_AT):
            _ = frame.image
            ended = time.perf_counter()
            spent.append((ended - began) * 1000)
            began = ended
    finally:
        frames.close()
    return round(statistics.median(spent[_WARM:] or spent), 3) if spent else 0.0
