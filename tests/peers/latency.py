"""From the frame of the crossing to a subscriber: the demonstration's clip at the speed of life through a whole box.

    python tests/peers/latency.py WORK [--rounds 3]

The box runs in a process of its own, a mosquitto in another; this one subscribes. All stand on one monotonic clock: an
event's latency is its arrival here less the second at which the frame of its crossing came out of the decoder, as the
outbox's file keeps it. Prints percentiles over all final events, and how many say that they are late.
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
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

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
[[camera.line]]
name = "gate"
start = [{x}, 1.0]
end = [{x}, 0.0]
"""


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


def one_run(folder: Path) -> tuple[list[float], int, int]:
    """Play the clip once; return milliseconds by event, how many are late, and frames that were superseded."""
    came: list[tuple[EventMessage, float]] = []
    with mosquitto(folder) as port:
        config = folder / "box.toml"
        x = load_truth(CLIP).line_x
        config.write_text(_CONFIG.format(bundle=BUNDLE, key=TRUSTED_KEY, port=port, clip=CLIP, x=x))
        with Listener(_HOST, port, Topics("bench", "box").events("belt"), lambda e: came.append((e, time.monotonic()))):
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
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    all_waits: list[float] = []
    late = 0
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
            waits, own_late, dropped = one_run(Path(folder))
        all_waits += waits
        late += own_late
        print(
            f"{len(waits)} events, p50 {np.median(waits):.0f} ms, most {max(waits):.0f} ms, {dropped} frames superseded"
        )
    p50, p95, p99 = np.percentile(all_waits, (50, 95, 99))
    print(
        f"{len(all_waits)} events: frame of the crossing to subscriber p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms, "
        f"{late} late"
    )


if __name__ == "__main__":
    main()
