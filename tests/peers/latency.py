"""From the frame of the crossing to a subscriber: the demonstration's clip at the speed of life through a whole box.

    python tests/peers/latency.py WORK [--rounds 3] [--lines 4] [--viewer]

The box runs in a process of its own, a mosquitto in another; this one subscribes. All stand on one monotonic clock: an
event's latency is its arrival here less the second at which the frame of its crossing came out of the decoder, as the
outbox's file keeps it. Prints percentiles over all final events, and how many say that they are late.

With several lines each parcel gives an event at each, so that a round measures more of them. With a viewer somebody has
the box's page open meanwhile: pictures as fast as they are given, and the box's state each second.
"""

import argparse
import getpass
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np
from page import free_port, look  # pyright: ignore[reportMissingImports, reportUnknownVariableType] - beside this file

from edge.demo.listener import Listener
from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY, load_truth
from edge.mqtt.messages import EventMessage
from edge.mqtt.topics import Topics

_HOST = "127.0.0.1"
_CONFIG = """
[box]
site = "bench"
name = "box"
[bundle]
path = "{bundle}"
trusted_keys = ["{key}"]
[mqtt]
port = {port}
[outbox]
path = "outbox.db"
[[camera]]
name = "belt"
source = {{ kind = "file", path = "{clip}", realtime = true }}
policy = "latest"
"""
_LINE = """
[[camera.line]]
name = "gate-{number}"
start = [{x}, 1.0]
end = [{x}, 0.0]
"""
_APART = 0.05  # of the picture's width, from line to line
_WEB = "[web]\nport = {port}\n"


@contextmanager
def mosquitto(folder: Path) -> Generator[int]:
    """Run a mosquitto; give its port."""
    binary = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if binary is None:
        raise SystemExit("mosquitto is not installed")
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port = int(probe.getsockname()[1])
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} {_HOST}\nuser {getpass.getuser()}\nallow_anonymous true\n")
    process = subprocess.Popen([binary, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with suppress(OSError), socket.create_connection((_HOST, port), 0.2):
                break
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def viewing(port: int) -> Generator[None]:
    """Look at the box's page for as long as the block runs."""
    ended = threading.Event()
    paths = (("/api/cameras/belt/scene?width=960", 0.02), ("/api/box", 1.0))
    lookers = [threading.Thread(target=look, args=(port, path, ended, every_s)) for path, every_s in paths]
    for looker in lookers:
        looker.start()
    try:
        yield
    finally:
        ended.set()
        for looker in lookers:
            looker.join(10)


def one_run(folder: Path, lines: int, *, is_viewed: bool) -> tuple[list[float], int, int]:
    """Play the clip once; return milliseconds by event, how many are late, and frames that were superseded."""
    came: list[tuple[EventMessage, float]] = []
    with mosquitto(folder) as port:
        config = folder / "box.toml"
        x, page = load_truth(CLIP).line_x, free_port()
        text = _WEB.format(port=page) if is_viewed else ""
        text += _CONFIG.format(bundle=BUNDLE, key=TRUSTED_KEY, port=port, clip=CLIP)
        text += "".join(_LINE.format(number=number, x=round(x - number * _APART, 3)) for number in range(lines))
        config.write_text(text)
        topic = Topics("bench", "box").events("belt")
        viewer = viewing(page) if is_viewed else nullcontext()
        with Listener(_HOST, port, topic, lambda event: came.append((event, time.monotonic()))), viewer:
            command = [sys.executable, "-m", "edge", "run", "--config", str(config), "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            summary = json.loads(done.stdout)
            end_s = time.monotonic() + 10
            while len(came) < sum(summary["events"].values()) and time.monotonic() < end_s:
                time.sleep(0.01)
    if len(came) != sum(summary["events"].values()):
        raise SystemExit(f"{len(came)} events came, {summary['events']} were decided")
    with sqlite3.connect(folder / "outbox.db") as file:
        arrived = dict(file.execute("SELECT seq, arrived_s FROM kept"))
    final = [(event, at_s) for event, at_s in came if event.interval is None]
    waits = [(at_s - arrived[event.seq]) * 1000 for event, at_s in final]
    return waits, sum(event.late for event, _ in final), summary["dropped"]


def main() -> None:
    """Print the percentiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="a folder for outbox and configuration")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=1, help="across the belt, one beside the other")
    parser.add_argument("--viewer", action="store_true", help="have somebody look at the box's page")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    all_waits: list[float] = []
    late = 0
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
            waits, own_late, dropped = one_run(Path(folder), arguments.lines, is_viewed=arguments.viewer)
        all_waits += waits
        late += own_late
        told = f"{len(waits)} events, p50 {np.median(waits):.0f} ms, most {max(waits):.0f} ms"
        print(f"{told}, {dropped} frames superseded, {own_late} late", flush=True)
    p50, p95, p99 = np.percentile(all_waits, (50, 95, 99))
    print(
        f"{len(all_waits)} events: frame of the crossing to subscriber p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms, "
        f"{late} late"
    )


if __name__ == "__main__":
    main()
