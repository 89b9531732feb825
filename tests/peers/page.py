"""What the box's page costs: the demonstration's belt at the speed of life without it, with it unseen, and looked at.

Example: .venv/bin/python tests/peers/page.py --rounds 2
"""

import argparse
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.mqtt.broker import EmbeddedBroker

WAYS = ("no page", "unseen", "looked at")
CONFIG = """
[box]
site = "hall"
name = "box-1"
[bundle]
path = "{bundle}"
trusted_keys = ["{key}"]
[mqtt]
port = {broker}
[outbox]
path = "outbox.sqlite"
{web}
[[camera]]
name = "belt"
source = {{ kind = "file", path = "{clip}", realtime = true }}
[[camera.line]]
name = "gate"
start = [0.55, 1.0]
end = [0.55, 0.0]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def look(port: int, path: str, ended: threading.Event, every_s: float) -> None:
    """Ask for the same thing again and again, as the page in a browser does."""
    while not ended.wait(every_s):
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            while not ended.wait(every_s):
                connection.request("GET", path)
                connection.getresponse().read()


def run(way: str, broker: int) -> dict[str, float]:
    """Run the clip once and return what it took."""
    port, ended = free_port(), threading.Event()
    paths = (("/api/cameras/belt/scene?width=960", 0.0), ("/api/box", 1.0)) if way == "looked at" else ()
    lookers = [threading.Thread(target=look, args=(port, path, ended, every_s)) for path, every_s in paths]
    with tempfile.TemporaryDirectory() as folder:
        web = "" if way == "no page" else f"[web]\nport = {port}\n"
        config = Path(folder) / "box.toml"
        config.write_text(CONFIG.format(bundle=BUNDLE, key=TRUSTED_KEY, broker=broker, web=web, clip=CLIP))
        command = [sys.executable, "-m", "edge", "run", "--config", str(config), "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for looker in lookers:
            looker.start()
        assert process.stdout is not None
        summary = json.loads(process.stdout.read())
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
        ended.set()
        for looker in lookers:
            looker.join(10)
    cpu_s = used.ru_utime + used.ru_stime
    return {"cpu_s": cpu_s, **summary["decision_ms"], "ram_mib": used.ru_maxrss / 1024, "dropped": summary["dropped"]}


def main() -> None:
    """Print medians of each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with EmbeddedBroker() as broker:
        for number in range(rounds):
            for way in WAYS[number % 3 :] + WAYS[: number % 3]:
                results[way].append(run(way, broker.port))
                print(way, results[way][-1], flush=True)
    for way, found in results.items():
        medians = {key: round(statistics.median(each[key] for each in found), 1) for key in found[0]}
        print(f"{way}: {medians}")


if __name__ == "__main__":
    main()
