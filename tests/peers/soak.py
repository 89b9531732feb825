"""What a running box takes: memory, descriptors and threads of `edgekit run` on one network camera, over hours.

    python tests/peers/soak.py WORK [--minutes 60] [--warm-up-minutes 10]

The demonstration's belt, 1280x720 at 10 frames a second, comes from a real RTSP server; the broker is a process of its
own. A line of `WORK/soak.csv` is written every ten seconds, so that a run that is broken off is not lost. Prints the
highest resident memory, and the slopes of memory and descriptors after the warm-up, by least squares.
"""

import argparse
import contextlib
import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import astuple, dataclass, fields
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.mqtt.broker import EmbeddedBroker

HOST = "127.0.0.1"
FPS = 10
EVERY_S = 10.0
RTSP_SERVER = Path(__file__).parents[1] / "edge" / "rtsp_server.py"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's GStreamer packages are for

CONFIG = """
[box]
site = "bench"
name = "soak"
[bundle]
path = "{bundle}"
trusted_keys = ["{key}"]
[inference]
{inference}
[mqtt]
port = {broker}
[outbox]
path = "outbox.db"
[[camera]]
name = "belt"
source = {{ kind = "rtsp", url = "rtsp://{host}:{camera}/camera" }}
[[camera.line]]
name = "gate"
start = [0.55, 0.0]
end = [0.55, 1.0]
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """A process at one moment."""

    seconds: float
    rss_mb: float
    anonymous_mb: float
    descriptors: int
    threads: int
    cpu_s: float


def sample(pid: int, seconds: float) -> Sample:
    """Look at a process."""
    proc = Path("/proc") / str(pid)
    lines = (line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    status = {key: value.split()[0] for key, value in lines if value.strip()}
    spent = (proc / "stat").read_text().rsplit(")", 1)[1].split()
    cpu_s = (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")
    rss_mb, anonymous_mb = (round(int(status[name]) * 1024 / 1e6, 2) for name in ("VmRSS", "RssAnon"))
    descriptors = len(list((proc / "fd").iterdir()))
    return Sample(round(seconds, 1), rss_mb, anonymous_mb, descriptors, int(status["Threads"]), cpu_s)


def looped_clip(out: Path, seconds: float) -> None:
    """Write the demonstration's clip at 10 frames a second, as a camera codes it, again and again for so long."""
    once = out.with_suffix(".once.mp4")
    with av.open(str(CLIP)) as source, av.open(str(once), "w") as container:
        options = {"crf": "23", "preset": "veryfast", "bf": "0", "g": str(FPS)}
        stream = container.add_stream("libx264", rate=Fraction(FPS), options=options)
        stream.height, stream.width = source.streams.video[0].height, source.streams.video[0].width
        stream.pix_fmt = "yuv420p"
        for index, picture in enumerate(source.decode(video=0)):
            if index % 3 == 0:
                shown = av.VideoFrame.from_ndarray(picture.to_ndarray(format="rgb24"), format="rgb24")
                container.mux(stream.encode(shown))
        container.mux(stream.encode())
    with av.open(str(once)) as source:
        template = source.streams.video[0]
        packets = [(bytes(packet), packet.is_keyframe) for packet in source.demux(template) if packet.size]
        with av.open(str(out), "w") as container:
            stream = container.add_stream_from_template(template)
            for number in range(int(seconds * FPS)):
                content, is_key = packets[number % len(packets)]
                packet = av.Packet(content)
                packet.stream, packet.time_base = stream, Fraction(1, FPS)
                packet.pts = packet.dts = number
                packet.is_keyframe = is_key
                container.mux(packet)
    once.unlink()


def unused_port() -> int:
    """Return a loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(*command: str, log: Path) -> Generator["subprocess.Popen[bytes]"]:
    """Run a program for as long as the context lasts, then end it in order."""
    environment = {**os.environ, "GST_REGISTRY": str(log.with_name("gstreamer-registry"))}
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def watch(process: "subprocess.Popen[bytes]", seconds: float, table: Path) -> list[Sample]:
    """Sample a process until its time is over or it ends; each sample is on disk at once."""
    began = time.monotonic()
    samples: list[Sample] = []
    with table.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow([field.name for field in fields(Sample)])
        while (now := time.monotonic() - began) < seconds and process.poll() is None:
            samples.append(sample(process.pid, now))
            writer.writerow(astuple(samples[-1]))
            lines.flush()
            time.sleep(EVERY_S)
    if process.poll() is not None:
        sys.exit(f"edgekit run ended by itself with {process.returncode}: see {table.with_name('run.log')}")
    return samples


def main() -> None:
    """Run the soak and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="a folder for clip, logs and table")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--requests", type=int, help="pictures in inference at the same time; else as the box decides")
    parser.add_argument("--backend", choices=("openvino", "onnxruntime"), help="else what the box finds faster")
    parser.add_argument("--warm-up-minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    if arguments.minutes <= arguments.warm_up_minutes:
        parser.error(f"--minutes has to be more than --warm-up-minutes, {arguments.warm_up_minutes:g}")
    work: Path = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    clip = work / "belt.mp4"
    if not clip.exists():
        looped_clip(clip, arguments.minutes * 60 + 120)
    camera = unused_port()
    with (
        EmbeddedBroker() as broker,
        running(SYSTEM_PYTHON, str(RTSP_SERVER), str(camera), str(clip), log=work / "camera.log"),
    ):
        config = work / "box.toml"
        told = {"bundle": BUNDLE, "key": TRUSTED_KEY, "broker": broker.port, "host": HOST, "camera": camera}
        asked = {"requests": arguments.requests, "backend": arguments.backend}
        told["inference"] = "\n".join(f"{key} = {json.dumps(value)}" for key, value in asked.items() if value)
        config.write_text(CONFIG.format(**told))
        with running(sys.executable, "-m", "edge", "run", "--config", str(config), log=work / "run.log") as box:
            samples = watch(box, arguments.minutes * 60, work / "soak.csv")
    warm = [one for one in samples if one.seconds >= arguments.warm_up_minutes * 60]
    hours = np.array([one.seconds for one in warm]) / 3600
    slope = np.polyfit(hours, [one.rss_mb for one in warm], 1)[0]
    anonymous = np.polyfit(hours, [one.anonymous_mb for one in warm], 1)[0]
    descriptors = np.polyfit(hours, [one.descriptors for one in warm], 1)[0]
    print(
        f"{samples[-1].seconds / 60:.0f} minutes: at most {max(one.rss_mb for one in samples):.0f} MB resident; after "
        f"the warm-up {slope:+.2f} MB an hour, {anonymous:+.2f} of them of no file, {descriptors:+.2f} descriptors an "
        f"hour; {100 * samples[-1].cpu_s / samples[-1].seconds:.0f} % of one processor"
    )


if __name__ == "__main__":
    main()
