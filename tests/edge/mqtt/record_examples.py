"""Records the examples of the MQTT reference from a running box, with the kit's own consumer and commands beside it.

    python tests/edge/mqtt/record_examples.py > edge/mqtt/examples.json

A belt plays the demonstration's clip, a rack shows one of its pictures that stands still. Run it anew where a message
has changed, then `edgekit schema markdown > docs/mqtt.md`.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
from paho.mqtt.client import Client, MQTTMessage

from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.mqtt.broker import EmbeddedBroker
from edge.mqtt.paho import new_client
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics

EDGEKIT = (sys.executable, "-m", "edge")
TOPICS = Topics("hall", "line1")
TEXT = "1148402442"  # on the third parcel of the clip
STILL_FRAME, STILL_FRAMES = 100, 300
PATIENCE_S = 120.0
BOX = f"""
[box]
site = "hall"
name = "line1"
[bundle]
path = "{BUNDLE}"
trusted_keys = ["{TRUSTED_KEY}"]
[inference]
precision = "int8"
backend = "openvino"
[mqtt]
port = {{port}}
consumers = ["sorter"]
plc = ["belt"]
detections = ["belt"]
[routing]
catalogue = "catalogue.csv"
routes = "routes.toml"
[commands]
clients = ["operations"]
audit_log = "audit.jsonl"
[outbox]
path = "outbox.db"
[[camera]]
name = "belt"
source = {{{{ kind = "file", path = "{CLIP}", realtime = true }}}}
[[camera.line]]
name = "gate"
start = [0.55, 1.0]
end = [0.55, 0.0]
[[camera]]
name = "rack"
source = {{{{ kind = "file", path = "rack.mp4", realtime = true }}}}
[[camera.shelf]]
name = "top"
rectangle = [0.0, 0.0, 1.0, 1.0]
expected = ["carton"]
min = 3
"""


def tracked(said: dict[str, Any]) -> list[Any]:
    """Return the tracks of a message of detections."""
    return [found["track"] for found in said["detections"] if found["track"] is not None]


WANTED: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {
    "status": (TOPICS.status, lambda said: bool(said["consumers"].get("sorter"))),
    "camera": (TOPICS.camera_status("belt"), lambda said: bool(said["fps"])),
    "shelf": (TOPICS.shelf("rack", "top"), lambda said: bool(said["counts"])),
    "event": (TOPICS.events("belt"), lambda said: said["product"] is not None),
    "plc": (TOPICS.plc("belt"), lambda said: said["product"] != ""),
    "detections": (
        TOPICS.detections("belt"),
        lambda said: [found["track"] is None for found in said["detections"]] == [False] * 2,
    ),
    "ack": (TOPICS.acknowledgement("sorter", "belt"), lambda said: said["upto"] > 1),
    "command": (TOPICS.command("set_threshold"), lambda _: True),
    "reply": (TOPICS.reply("set_threshold", "operations"), lambda _: True),
}


class Recorder:
    """Keeps the first message of each kind that shows what there is to show."""

    def __init__(self, port: int) -> None:
        self.found: dict[str, dict[str, Any]] = {}
        self.whole = threading.Event()
        self._client = new_client(Mqtt(port=port), "recorder", comes_back=False)
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _connected(self, client: Client, *_details: Any) -> None:
        client.subscribe(f"{TOPICS.root}/#", 1)

    def _heard(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        topic = message.topic
        said = json.loads(message.payload) if message.payload else None
        for kind, (of, shows) in WANTED.items():
            # A reply goes where its command says; in the reference it stands where one finds it without that.
            here = topic == of or (kind == "reply" and f"{TOPICS.command('set_threshold')}/reply" in topic)
            if said is not None and here and kind not in self.found and shows(said):
                self.found[kind] = {"topic": of, "payload": said}
        if self.found.keys() == WANTED.keys():
            self.whole.set()


def write_site(folder: Path, port: int) -> Path:
    """Write the box's files: the picture that stands still, the tables, box.toml."""
    clip = cv2.VideoCapture(str(CLIP))
    clip.set(cv2.CAP_PROP_POS_FRAMES, STILL_FRAME)
    came, still = clip.read()
    assert came
    height, width = still.shape[:2]
    writer = cv2.VideoWriter(str(folder / "rack.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (width, height))
    for _ in range(STILL_FRAMES):
        writer.write(still)
    writer.release()
    (folder / "catalogue.csv").write_text(f"value,product,category\n{TEXT},Envelopes C5,office\n")
    (folder / "routes.toml").write_text(
        'exception = "reject"\n[[route]]\nlane = "7"\nwhen = { category = "office" }\n[[route]]\nlane = "1"\n'
        'when = { kind = "read" }\n'
    )
    box = folder / "box.toml"
    box.write_text(BOX.format(port=port))
    return box


def main() -> None:
    """Print the examples as JSON, in the order of the reference."""
    with tempfile.TemporaryDirectory() as name, EmbeddedBroker() as broker:
        folder = Path(name)
        box = write_site(folder, broker.port)
        recorder = Recorder(broker.port)
        at = ("--site", "hall", "--box", "line1", "--port", str(broker.port))
        consume = ("subscribe", *at, "--consumer", "sorter", "--store", str(folder / "seen.db"))
        command = ("command", "set_threshold", *at, "--client", "operations", "--score", "0.4")
        running = [
            subprocess.Popen([*EDGEKIT, *arguments], stdout=subprocess.DEVNULL)
            for arguments in (("run", "--config", str(box)), consume)
        ]
        try:
            end_s = time.monotonic() + PATIENCE_S
            while not recorder.whole.wait(2.0) and time.monotonic() < end_s and running[0].poll() is None:
                if "camera" in recorder.found and "reply" not in recorder.found:
                    subprocess.run([*EDGEKIT, *command], stdout=subprocess.DEVNULL, check=False)
        finally:
            for process in running:
                process.terminate()
                process.wait()
    missing = WANTED.keys() - recorder.found.keys()
    if missing:
        sys.exit(f"nothing came that shows: {', '.join(sorted(missing))}")
    sys.stdout.write(json.dumps({kind: recorder.found[kind] for kind in WANTED}, indent=1) + "\n")


if __name__ == "__main__":
    main()
