"""A process that publishes one event and then stays connected until it is killed."""

import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge.mqtt.bounds import Bounds
from edge.mqtt.conversion import Origin
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.section import Mqtt
from edge.tags.events import EventKind, TagEvent
from edge.video.frame import ClockSource


def main() -> None:
    """Publish to the port given, from an outbox in the folder given."""
    origin = Origin("hall", "box-1", "killed-run")
    outbox = Outbox.open(Path(sys.argv[1]) / "killed.sqlite", bounds=Bounds(events=100), origin=origin)
    protocol: Any = sys.argv[3] if len(sys.argv) > 3 else "5"
    settings = Mqtt(port=int(sys.argv[2]), protocol=protocol, connect_timeout_s=60.0)  # a busy machine takes its time
    publisher = Publisher(settings, outbox, cameras=["belt"], versions={})
    publisher.start()
    now = datetime.now(timezone.utc)
    outbox.commit([TagEvent("belt", EventKind.READ, now, ClockSource.HOST, time.monotonic(), 0)])
    publisher.notify()
    sys.stdin.read()


if __name__ == "__main__":
    main()
