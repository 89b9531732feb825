"""A consumer that stores what it gets in `effects` until it is killed: port, store, as arguments."""

import sqlite3
import sys
import threading
from pathlib import Path

from edge.mqtt.consumer import Consumer
from edge.mqtt.inbox import Inbox
from edge.mqtt.messages import EventMessage
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics


def keep(connection: sqlite3.Connection, event: EventMessage) -> None:
    """Keep what tells an event apart; no key, so that a second effect would show."""
    connection.execute("CREATE TABLE IF NOT EXISTS effects (camera TEXT, epoch TEXT, seq INTEGER)")
    connection.execute("INSERT INTO effects VALUES (?, ?, ?)", (event.camera, event.epoch, event.seq))


def main() -> None:
    """Consume, coming back after a broker that is away at the start too."""
    with Inbox(Path(sys.argv[2]), keep) as inbox:
        Consumer(Mqtt(port=int(sys.argv[1])), Topics("hall", "box-1"), "plc", inbox).run(threading.Event(), 300.0)


if __name__ == "__main__":
    main()
