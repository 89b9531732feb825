"""A broker that was away for as long as 100,000 events take, then is back: all delivered, in order, live in time?

    python tests/peers/backlog.py WORK [--events 100000] [--live-rate 50] [--calm-s 20]

The outbox fills while no broker listens; then a mosquitto starts there, and live events go on at a steady rate while
history drains. A subscriber in a process of its own notes when each event comes, by the same monotonic clock. The
same rate of live events without history is measured before, over the same broker and outbox.
"""

import argparse
import getpass
import multiprocessing
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from edge.demo.listener import Listener
from edge.mqtt.bounds import Bounds
from edge.mqtt.conversion import Origin
from edge.mqtt.messages import EventMessage
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics
from edge.tags.events import EventKind, Region, Tag, TagEvent, TagSource
from edge.video.frame import ClockSource

_HOST = "127.0.0.1"
_TOPICS = Topics("bench", "box")
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as it came: its seq, whether as history, and the monotonic second."""

    seq: int
    replayed: bool
    at_s: float


def parcel(number: int) -> TagEvent:
    """Return an event as a line gives it, with two boxes and a code."""
    return TagEvent(
        camera="belt",
        kind=EventKind.READ,
        captured_at=datetime.now(timezone.utc),
        clock=ClockSource.HOST,
        arrived_s=time.monotonic(),
        frame_index=number,
        frame_size=(1280, 720),
        zone="gate",
        direction="left_to_right",
        track_id=number,
        regions=(Region("carton", 0.9, (10, 20, 300, 400)), Region("barcode", 0.8, (50, 60, 200, 120))),
        tags=(Tag("code", f"{number:013d}", 0.99, TagSource.BARCODE, "EAN13"),),
        stages_ms={"wait": 1.0, "prepare": 1.0, "infer": 20.0, "decode": 1.0, "track": 0.3, "read": 5.0},
    )


def note_arrivals(port: int, pipe: Connection) -> None:
    """Subscribe until told to end; then send all arrivals."""
    arrivals: list[Arrival] = []

    def take(event: EventMessage) -> None:
        arrivals.append(Arrival(event.seq, event.replayed, time.monotonic()))

    with Listener(_HOST, port, _TOPICS.events("belt"), take):
        pipe.send("ready")
        while not pipe.poll(0.2):
            pass
        pipe.recv()
    pipe.send(arrivals)


def commit_at(outbox: Outbox, publisher: Publisher, rate: float, go_on: Callable[[], bool]) -> dict[int, float]:
    """Commit live events at a steady rate; return by seq the monotonic second of each event's decision."""
    decided: dict[int, float] = {}
    due_s = time.monotonic()
    while go_on():
        due_s += 1 / rate
        time.sleep(max(0.0, due_s - time.monotonic()))
        at_s = time.monotonic()
        (seq,) = outbox.commit([parcel(len(decided))])
        publisher.notify()
        decided[seq] = at_s
    return decided


def p95_ms(decided: dict[int, float], arrivals: list[Arrival]) -> float:
    """Return the 95th percentile of milliseconds from decision to subscriber, of live events."""
    waits = [arrival.at_s - decided[arrival.seq] for arrival in arrivals if arrival.seq in decided]
    return float(np.percentile(waits, 95)) * 1000


class Bench:
    """A mosquitto at a port of its own, an outbox, its publisher."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        with socket.socket() as probe:
            probe.bind((_HOST, 0))
            self.port = int(probe.getsockname()[1])
        origin = Origin("bench", "box", "run")
        bounds = Bounds(events=1_000_000, size_bytes=2**31)
        self.outbox = stack.enter_context(
            Outbox.open(folder / "outbox.db", origin=origin, bounds=bounds, keep=Bounds(10_000, 2**25, 86_400))
        )

    def start_broker(self) -> "subprocess.Popen[bytes]":
        """Start a mosquitto, and end it with the bench."""
        binary = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if binary is None:
            raise SystemExit("mosquitto is not installed")
        config = self._folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} {_HOST}\nuser {getpass.getuser()}\nallow_anonymous true\nmax_queued_messages 0\n"
        )
        process = subprocess.Popen([binary, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        while True:
            with suppress(OSError), socket.create_connection((_HOST, self.port), 0.2):
                return process

    def publisher(self) -> Publisher:
        """Start a publisher, and stop it with the bench."""
        publisher = Publisher(Mqtt(port=self.port, at_start="wait"), self.outbox, cameras=("belt",), versions={})
        publisher.start()
        self._stack.callback(publisher.stop, 0.0)
        return publisher

    def listen(self) -> Callable[[], list[Arrival]]:
        """Begin to note arrivals; return what ends that and gives them."""
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=note_arrivals, args=(self.port, there))
        process.start()
        here.recv()

        def end() -> list[Arrival]:
            here.send("end")
            arrivals: list[Arrival] = here.recv()
            process.join()
            return arrivals

        return end


def ordered(arrivals: list[Arrival]) -> bool:
    """Whether seqs grow from one arrival to the next."""
    return all(one.seq < other.seq for one, other in pairwise(arrivals))


def calm(folder: Path, rate: float, seconds: float) -> float:
    """Return p95 in milliseconds of live events without any history."""
    with ExitStack() as stack:
        bench = Bench(folder, stack)
        bench.start_broker()
        publisher = bench.publisher()
        end = bench.listen()
        end_s = time.monotonic() + seconds
        decided = commit_at(bench.outbox, publisher, rate, lambda: time.monotonic() < end_s)
        while bench.outbox.depth:
            time.sleep(0.05)
        time.sleep(0.5)
        return p95_ms(decided, end())


def drain(folder: Path, events: int, rate: float) -> float:
    """Let the broker be away for so many events; print what became of them, return p95 of the live ones."""
    with ExitStack() as stack:
        bench = Bench(folder, stack)
        for first in range(0, events, _BATCH):
            bench.outbox.commit([parcel(first + number) for number in range(min(_BATCH, events - first))])
        bench.start_broker()
        end = bench.listen()
        publisher = bench.publisher()
        while not publisher.connected:
            time.sleep(0.01)
        began_s = time.monotonic()
        live: dict[int, float] = {}
        done = threading.Event()
        committing = threading.Thread(
            target=lambda: live.update(commit_at(bench.outbox, publisher, rate, lambda: not done.is_set()))
        )
        committing.start()
        while (bench.outbox.positions()["belt"].oldest_unacknowledged or events + 1) <= events:
            time.sleep(0.1)
        seconds = time.monotonic() - began_s
        done.set()
        committing.join()
        while bench.outbox.depth:
            time.sleep(0.05)
        time.sleep(1)
        arrivals = end()
    history = [arrival for arrival in arrivals if arrival.seq <= events]
    later = [arrival for arrival in arrivals if arrival.seq > events]
    missing = set(range(1, events + len(live) + 1)) - {arrival.seq for arrival in arrivals}
    print(
        f"{events} events of history in {seconds:.1f} s, {events / seconds:.0f} a second, beside {len(live)} live; "
        f"missing {len(missing)}, more than once {len(arrivals) - len({a.seq for a in arrivals})}; history in order "
        f"{ordered(history)}, all marked replayed {all(a.replayed for a in history)}; live in order {ordered(later)}, "
        f"none marked {not any(a.replayed for a in later)}"
    )
    return p95_ms(live, arrivals)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="a folder on the disk that is measured")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--live-rate", type=float, default=50.0, help="live events a second")
    parser.add_argument("--calm-s", type=float, default=20.0, help="seconds of live events without history")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        places = [Path(folder) / name for name in ("before", "drain", "after")]
        for place in places:
            place.mkdir()
        before_ms = calm(places[0], arguments.live_rate, arguments.calm_s)
        drain_ms = drain(places[1], arguments.events, arguments.live_rate)
        after_ms = calm(places[2], arguments.live_rate, arguments.calm_s)
    usual_ms = (before_ms + after_ms) / 2
    print(
        f"live, decision to subscriber, p95: calm {before_ms:.1f} ms before and {after_ms:.1f} ms after, "
        f"while history drains {drain_ms:.1f} ms: {drain_ms / usual_ms - 1:+.0%}"
    )


if __name__ == "__main__":
    main()
