"""What an exchange of the model costs a running box: the longest gap between two frames, and memory over many of them.

    python tests/peers/swap.py WORK [--swaps 12] [--backend openvino]

The demonstration's clip is played in life's speed; its model and a copy of another version take turns.
"""

import argparse
import gc
import itertools
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from edge.config import Box, BoxConfig, Bundle, Inference, Swap
from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.model.bundle import build_bundle, open_bundle
from edge.model.signature import create_key, load_private
from edge.mqtt.broker import EmbeddedBroker
from edge.mqtt.client import ask
from edge.mqtt.command_messages import CommandMessage, CommandName
from edge.mqtt.section import Commands, Mqtt, Outbox
from edge.mqtt.topics import Topics
from edge.runtime.box import run_box
from edge.runtime.lane import Inferred
from edge.tags.interpreter import CameraInterpreter
from edge.video.section import Camera

_SETTLE_S = 5.0
_MOST_S = 120.0


def rss_mib() -> float:
    """Return this process's resident memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def _versions(work: Path) -> tuple[Path, ...]:
    create_key(work / "key.pem", work / "key.pub")
    opened = open_bundle(BUNDLE, [TRUSTED_KEY])
    members = {entry.path: opened.read(entry.path) for entry in opened.manifest.files}
    for version in ("a", "b"):
        manifest = opened.manifest.model_copy(update={"version": version})
        build_bundle(work / version, manifest, members, load_private(work / "key.pem"))
    return work / "a", work / "b"


def measure(work: Path, swaps: int, backend: Any) -> None:
    """Run a box, exchange its model so many times, and print what that cost."""
    first, _ = _versions(work)
    steps: list[tuple[float, str | None]] = []
    stop = threading.Event()

    def observe(inferred: Inferred, _half: CameraInterpreter) -> None:
        steps.append((time.monotonic(), inferred.model_digest))

    camera = Camera.model_validate({"name": "belt", "source": {"kind": "file", "path": CLIP, "realtime": True}})
    with EmbeddedBroker() as broker:
        config = BoxConfig(
            box=Box(site="hall", name="box-1"),
            bundle=Bundle(path=first, trusted_keys=(work / "key.pub",)),
            swap=Swap(folder=work, shadow_frames=20, probation_s=1.0, most_slower=3.0),
            inference=Inference(backend=backend),
            mqtt=Mqtt(port=broker.port),
            outbox=Outbox(path=work / "outbox.sqlite"),
            commands=Commands(clients=("ops",), audit_log=work / "audit.jsonl"),
            camera=(camera,),
        )
        thread = threading.Thread(target=run_box, args=(config, stop, observe), daemon=True)
        thread.start()
        while not steps:
            time.sleep(0.05)
        time.sleep(_SETTLE_S)
        before, quiet = rss_mib(), _longest([at_s for at_s, _ in steps])
        print(f"before: longest gap {quiet * 1000:.0f} ms, {before:.0f} MiB")
        done = 0
        for number, name in zip(range(swaps), itertools.cycle("ba"), strict=False):
            begin, digest = len(steps), steps[-1][1]
            command = CommandMessage(id=f"swap-{number}", client="ops", bundle=name)
            ask(config.mqtt, Topics("hall", "box-1"), CommandName.RELOAD_BUNDLE, command, 20)
            end_s = time.monotonic() + _MOST_S
            while steps[-1][1] == digest and time.monotonic() < end_s and thread.is_alive():
                time.sleep(0.05)
            done += steps[-1][1] != digest
            time.sleep(config.swap.probation_s + 0.5)
            gc.collect()
            gap = _longest([at_s for at_s, _ in steps[begin:]])
            print(f"exchange {number + 1}: longest gap {gap * 1000:.0f} ms, {rss_mib():.0f} MiB", flush=True)
            if not thread.is_alive():
                break
        print(f"{done} exchanges, longest gap of all {_longest([at_s for at_s, _ in steps]) * 1000:.0f} ms")
        stop.set()
        thread.join(30)


def _longest(times: list[float]) -> float:
    return max(later - earlier for earlier, later in itertools.pairwise(times))


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--swaps", type=int, default=12)
    parser.add_argument("--backend", default="openvino", choices=("openvino", "onnxruntime"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        measure(Path(folder), arguments.swaps, arguments.backend)


if __name__ == "__main__":
    main()
