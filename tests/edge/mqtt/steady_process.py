"""A box that commits an event every few milliseconds until it is killed, and says which: port, outbox, as arguments."""

import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from edge.mqtt.conversion import Origin
from edge.mqtt.outbox import Outbox
from edge.mqtt.pace import Pace
from edge.mqtt.publisher import Publisher
from edge.mqtt.section import Mqtt
from edge.tags.events import EventKind, TagEvent
from edge.video.frame import ClockSource

EVERY_S = 0.005


def main() -> None:
    """Commit events of two cameras in turn; print camera and seq once an event is on disk."""
    settings = Mqtt(port=int(sys.argv[1]), at_start="wait", consumers=("plc",))
    outbox = Outbox.open(Path(sys.argv[2]), origin=Origin("hall", "box-1", sys.argv[3]), consumers=settings.consumers)
    pace = Pace(backoff_first_s=0.1, backoff_max_s=0.4, confirm_s=1.0)
    publisher = Publisher(settings, outbox, cameras=["belt", "dock"], versions={}, pace=pace)
    publisher.start()
    most = int(sys.argv[4])
    for number in range(most):
        camera = ("belt", "dock")[number % 2]
        event = TagEvent(camera, EventKind.READ, datetime.now(timezone.utc), ClockSource.HOST, time.monotonic(), 0)
        (seq,) = outbox.commit([event])
        publisher.notify()
        sys.stdout.write(f"{camera} {outbox.epoch} {seq}\n")
        sys.stdout.flush()
        time.sleep(EVERY_S)
    sys.stdin.read()


if __name__ == "__main__":
    main()
