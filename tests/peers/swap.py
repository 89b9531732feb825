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
from collections.abc import Generator
from contextlib import contextmanager
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


class WatchedBox:
    """A box, and when each of its frames was through, by which model."""

    def __init__(self, config: BoxConfig) -> None:
        self._config = config
        self._steps: list[tuple[float, str | None]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=run_box, args=(config, self._stop, self._observe), daemon=True)

    @contextmanager
    def running(self) -> Generator["WatchedBox"]:
        """Run it for as long as the block takes, from its first frame on."""
        self._thread.start()
        while not self._steps and self.alive:
            time.sleep(0.05)
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join(30)

    def _observe(self, inferred: Inferred, _half: CameraInterpreter) -> None:
        self._steps.append((time.monotonic(), inferred.model_digest))

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()

    @property
    def frames(self) -> int:
        """Frames that are through."""
        return len(self._steps)

    def exchange(self, name: str) -> bool:
        """Have its model exchanged, wait until the other one has seen its probation; False where it did not come."""
        digest = self._steps[-1][1]
        command = CommandMessage(id=f"swap-{self.frames}", client="ops", bundle=name)
        ask(self._config.mqtt, Topics("hall", "box-1"), CommandName.RELOAD_BUNDLE, command, 20)
        end_s = time.monotonic() + _MOST_S
        while self._steps[-1][1] == digest and time.monotonic() < end_s and self.alive:
            time.sleep(0.05)
        time.sleep(self._config.swap.probation_s + 0.5)
        return self._steps[-1][1] != digest

    def longest_gap_ms(self, begin: int = 0) -> float:
        """Return the longest time between two frames from one on."""
        times = [at_s for at_s, _ in self._steps[begin:]]
        return 1000 * max(later - earlier for earlier, later in itertools.pairwise(times))


def _config(work: Path, bundle: Path, backend: Any, port: int) -> BoxConfig:
    camera = Camera.model_validate({"name": "belt", "source": {"kind": "file", "path": CLIP, "realtime": True}})
    return BoxConfig(
        box=Box(site="hall", name="box-1"),
        bundle=Bundle(path=bundle, trusted_keys=(work / "key.pub",)),
        swap=Swap(folder=work, shadow_frames=20, probation_s=1.0, most_slower=3.0),
        inference=Inference(backend=backend),
        mqtt=Mqtt(port=port),
        outbox=Outbox(path=work / "outbox.sqlite"),
        commands=Commands(clients=("ops",), audit_log=work / "audit.jsonl"),
        camera=(camera,),
    )


def measure(work: Path, swaps: int, backend: Any) -> None:
    """Run a box, exchange its model so many times, and print what that cost."""
    first, _ = _versions(work)
    with EmbeddedBroker() as broker, WatchedBox(_config(work, first, backend, broker.port)).running() as box:
        time.sleep(_SETTLE_S)
        print(f"before: longest gap {box.longest_gap_ms():.0f} ms, {rss_mib():.0f} MiB")
        done = 0
        for number, name in zip(range(swaps), itertools.cycle("ba"), strict=False):
            begin = box.frames
            done += box.exchange(name)
            gc.collect()
            print(
                f"exchange {number + 1}: longest gap {box.longest_gap_ms(begin):.0f} ms, {rss_mib():.0f} MiB",
                flush=True,
            )
            if not box.alive:
                break
        print(f"{done} exchanges, longest gap of all {box.longest_gap_ms():.0f} ms")


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
