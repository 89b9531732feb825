"""A process that, for each run id it reads, forks a child which commits events until it is killed.

The child says its process id first, then each camera and seq once their commit has returned, in writes so short that a
pipe takes them whole; the parent says `end` when the child is gone. Forking saves each child the imports.
"""

import os
import random
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from edge.mqtt.bounds import Bounds
from edge.mqtt.conversion import Origin
from edge.mqtt.outbox import Outbox
from edge.tags.events import EventKind, TagEvent
from edge.video.frame import ClockSource


def _say(text: str) -> None:
    os.write(sys.stdout.fileno(), f"{text}\n".encode())


def _commit_forever(path: Path, run_id: str) -> None:
    _say(str(os.getpid()))
    outbox = Outbox.open(path, bounds=Bounds(events=1_000_000), origin=Origin("hall", "box", run_id))
    while True:
        cameras = [random.choice(["belt", "dock"]) for _ in range(random.randint(1, 3))]
        now = datetime.now(timezone.utc)
        events = [
            TagEvent(name, EventKind.READ, now, ClockSource.HOST, time.monotonic(), 0, zone="exit") for name in cameras
        ]
        seqs = outbox.commit(events)
        _say("\n".join(f"{name} {seq}" for name, seq in zip(cameras, seqs, strict=True)))


def main() -> None:
    """Fork one child at a time."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _commit_forever(Path(sys.argv[1]), line.strip())
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        _say("end")


if __name__ == "__main__":
    main()
