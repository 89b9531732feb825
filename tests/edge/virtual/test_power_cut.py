"""A machine's power is cut at many moments of an update: it is the old release or the new, and has lost no event.

The update runs once, and the machine's whole state is kept at moments spread over it. Each cut goes on from one of
these, runs for another while, and ends with QEMU killed; then the disk as it was left is booted.
"""

import contextlib
import itertools
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import pytest

from edge.deploy.payload import PayloadList, Target
from edge.flash.payload import Order, Packer
from edge.flash.wheelhouse import Sources

Make = Callable[..., Any]
EVENTS = "edgekit/v1/hall/vm1/cameras/gate/events"
LEAST_CUTS, CUTS, CUTS_S = 20, 24, 3600.0  # a slow machine makes the least, however long that takes it
FIRST_STEP_S, MOST_MOMENTS = 10.0, 24
BOOT_S, MOST_UPDATE_S = 1200.0, 5400.0
TRIGGER_PORT = 7011
INSTALL = "/usr/bin/python3 -I /mnt/install.py"
# What is in use and what the outbox holds, as the machine itself sees it; its arguments: whose files are summed up.
_LOOK = """
import json, os, shutil, sqlite3, sys, tempfile, zlib
STORE = "/opt/edgekit/"
def sum_of(folder):
    total = 0
    for path, folders, files in os.walk(folder):
        for name in files + [name for name in folders if os.path.islink(os.path.join(path, name))]:
            file = os.path.join(path, name)
            told = os.path.relpath(file, folder).encode() + b" %o " % os.lstat(file).st_mode
            if os.path.islink(file):
                told += os.readlink(file).encode()
            else:
                with open(file, "rb") as opened:
                    told += opened.read()
            total = (total + zlib.crc32(told)) % (1 << 32)
    return total
def read(path):
    with open(path) as file:
        return json.load(file)
copied = tempfile.mkdtemp(dir="/run")  # the box holds its outbox for itself
for name in ("outbox.db", "outbox.db-wal"):
    if os.path.exists("/var/lib/edgekit/" + name):
        shutil.copyfile("/var/lib/edgekit/" + name, copied + "/" + name)
outbox = sqlite3.connect(copied + "/outbox.db")
events = "SELECT seq, json_extract(body, '$.trigger_id') FROM {} WHERE camera = 'gate'"
ledger = read(STORE + "releases.json")
print(json.dumps({
    "current": os.path.basename(os.readlink(STORE + "current")),
    "in_ledger": ledger["current"],
    "states": {one["id"]: one["state"] for one in ledger["releases"]},
    "folders": sorted(os.listdir(STORE + "releases")),
    "places": [
        read("/run/edgekit/vital-signs.json")["software"] if os.path.exists("/run/edgekit/vital-signs.json") else "",
        os.path.realpath("/etc/systemd/system/edgekit.service"),
        os.path.realpath("/etc/edgekit/box.toml"),
    ],
    "sums": {name: sum_of(STORE + "releases/" + name) for name in sys.argv[1:]},
    "epoch": outbox.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0],
    "events": [row for table in ("events", "kept") for row in outbox.execute(events.format(table))],
    "open": [row[0] for row in outbox.execute("SELECT trigger_id FROM triggers WHERE seq IS NULL")],
}))
shutil.rmtree(copied)
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What a machine says of itself.

    Attributes:
        current: Which release the link names.
        in_ledger: Which one the ledger names.
        states: Of all releases, by id.
        folders: Of releases.
        places: Where the running software, its unit and its configuration lie.
        sums: Of all files of a release that was asked for.
        epoch: Of the outbox.
        events: Seq and trigger of each event in it, delivered or not.
        open: Triggers that have no event yet.
    """

    current: str
    in_ledger: str
    states: dict[str, str]
    folders: list[str]
    places: list[str]
    sums: dict[str, int]
    epoch: str
    events: list[tuple[int, str | None]]
    open: list[str]

    @property
    def is_settled(self) -> bool:
        """Whether what runs is what is in use, and every trigger has its event."""
        return not self.open and f"/{self.current}" in self.places[0] and self.in_ledger == self.current


def look_at(machine: Any, *summed: str) -> Look:
    return Look(**json.loads(machine.run("/usr/bin/python3", "-", *summed, text=_LOOK)))


@final
class Controller:
    """Triggers the machine's camera until it is left, and remembers what was taken: that is on disk, says the box."""

    def __init__(self, port: int, name: str) -> None:
        self.taken: list[str] = []
        self._port = port
        self._ids = (f"{name}-{number}" for number in itertools.count())
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._main)

    def __enter__(self) -> "Controller":
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._left.set()
        self._thread.join()

    def _main(self) -> None:
        while not self._left.wait(0.2):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 5) as connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        answers = connection.makefile("rb")
        while not self._left.wait(0.4):
            trigger = next(self._ids)
            connection.sendall(f"gate {trigger}\n".encode())
            answer = answers.readline()
            if not answer:
                return
            if answer.split() == [b"ok", trigger.encode()]:
                self.taken.append(trigger)


@dataclass(frozen=True, slots=True)
class Moment:
    """A machine's whole state in the middle of an update.

    Attributes:
        name: Of the snapshot.
        at_s: Since the update began.
        taken: Triggers that had been taken.
    """

    name: str
    at_s: float
    taken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """An update as it went without a power cut."""

    payload: Path
    old: str
    new: str
    sums: dict[str, int]
    epoch: str
    moments: list[Moment]


@dataclass
class Bench:
    """What a machine is run with."""

    machine: Make
    disk: Path
    port: int
    subscriber: Any
    eventually_s: Make

    def boot(self, payload: Path, snapshot: str | None = None) -> Any:
        """Return the machine, to be entered: booted, or as it was at a moment."""
        return self.machine(self.disk, payload, forwards={TRIGGER_PORT: self.port}, snapshot=snapshot)

    def heard(self) -> list[tuple[int, str | None]]:
        """Return seq and trigger of all events that came over the broker."""
        told = [message.json() for message in self.subscriber.on(EVENTS)]
        return [(event["seq"], event["trigger_id"]) for event in told]

    def settled(self, machine: Any) -> float:
        """Wait until the box runs and all triggers have their events; return how many seconds that took."""
        took_s = machine.wait_for_agent()
        took_s += self.eventually_s(machine.is_active, BOOT_S, "the unit is active")
        return took_s + self.eventually_s(lambda: look_at(machine).is_settled, BOOT_S, "the box has settled")


def run_update(bench: Bench, payload: Path, new: str) -> Update:
    """Let an update run to its end, and keep the machine's state at moments of it."""
    moments: list[Moment] = []
    with bench.boot(payload) as machine, Controller(bench.port, "before") as controller:
        bench.settled(machine)
        bench.eventually_s(lambda: controller.taken, BOOT_S, "a trigger is taken")
        old, began_s, step_s = look_at(machine), time.monotonic(), FIRST_STEP_S
        machine.run("/bin/sh", "-c", f"mount -o ro /dev/vdb /mnt && systemd-run --unit=update {INSTALL}")
        while look_at(machine).states.get(new) not in ("good", "bad"):
            at_s = time.monotonic() - began_s
            assert at_s < MOST_UPDATE_S, machine.run("journalctl", "-n", "50", "--no-pager")
            moment = Moment(f"at-{at_s:.0f}", at_s, tuple(controller.taken))
            assert not machine.monitor(f"savevm {moment.name}").strip()
            moments.append(moment)
            print(f"kept {moment.at_s:.0f} s into the update, {len(moment.taken)} triggers taken", flush=True)
            if len(moments) == MOST_MOMENTS:  # each takes 1.3 GB of the disk, however slow the machine is
                for passed in moments[1::2]:
                    machine.monitor(f"delvm {passed.name}")
                moments, step_s = moments[::2], step_s * 2
            time.sleep(step_s)
        end = look_at(machine, old.current, new)
    print(f"an update took {time.monotonic() - began_s:.0f} s; the new release: {end.states[new]}", flush=True)
    return Update(payload, old.current, new, end.sums, end.epoch, moments)


def cut(bench: Bench, update: Update, moment: Moment, further_s: float) -> str:
    """Cut the power a while after a moment, boot what is left, and look at it; return which release it is."""
    seen = len(bench.heard())
    with bench.boot(update.payload, moment.name) as machine, Controller(bench.port, moment.name) as controller:
        time.sleep(further_s)
        machine.cut_power()
        taken = (*moment.taken, *controller.taken)
    heard = bench.heard()[seen:]
    with bench.boot(update.payload) as machine:
        took_s = bench.settled(machine)
        release = look_at(machine).current
        look = look_at(machine, release)
        machine.run("systemctl", "stop", "edgekit.service")
        stored = look_at(machine)
    told = (
        f"{moment.at_s:.0f} s + {further_s:.0f} s: {'old' if release == update.old else 'new'}, {look.states[release]}"
    )
    print(f"{told}; {len(taken)} triggers, {len(heard)} events heard before; up after {took_s:.0f} s", flush=True)
    is_one_release(look, update)
    has_lost_nothing(stored, update, taken, heard)
    return release


def is_one_release(look: Look, update: Update) -> None:
    """Assert that what runs is all of the old release, or all of the new."""
    assert look.current in (update.old, update.new)
    assert look.in_ledger == look.current
    assert all(f"/opt/edgekit/releases/{look.current}" in place for place in look.places), look.places
    assert look.sums == {look.current: update.sums[look.current]}, "its files are not those that were installed"
    assert set(look.folders) == set(look.states), "the ledger knows all releases, and no other"


def has_lost_nothing(look: Look, update: Update, taken: tuple[str, ...], heard: list[tuple[int, str | None]]) -> None:
    """Assert that each trigger that was taken has its one event, and each event that was heard is still the same."""
    assert look.epoch == update.epoch
    seqs = sorted(seq for seq, _ in look.events)
    assert seqs == list(range(1, len(seqs) + 1))
    answered = [trigger for _, trigger in look.events if trigger is not None]
    assert len(set(answered)) == len(answered), "no trigger has two events"
    assert set(taken) <= set(answered)
    assert set(heard) <= {(seq, trigger) for seq, trigger in look.events}


def write_update(site: Path, wheels: Path, bookworm: Target, room: Path) -> tuple[Path, PayloadList]:
    """Write a disk with the payload of a release that differs in its configuration."""
    (site / "box.toml").write_text((site / "box.toml").read_text() + "# two\n")
    room.mkdir()
    order = Order(site / "box.toml", sources=Sources(wheels, index=False), counter=2)
    payload, listed = Packer(room).build(order, bookworm)
    image = room / "payload.raw"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", str(payload), str(image), "600M"], check=True)
    return image, listed


def spread(moments: list[Moment]) -> list[tuple[Moment, float]]:
    """Return moments to cut at, each with a further while that is shorter than the step to the next.

    Neighbours do not follow one another: those that a slow machine leaves out are missing everywhere a little.
    """
    chosen = [moments[round(number * (len(moments) - 1) / (CUTS - 1))] for number in range(CUTS)]
    step_s = min(later.at_s - moment.at_s for moment, later in itertools.pairwise(moments))
    # Multiples of the golden ratio lie evenly between 0 and 1, whatever their number.
    points = [(moment, number * 0.618 % 1 * step_s) for number, moment in enumerate(chosen)]
    return [points[number * 7 % CUTS] for number in range(CUTS)]


@pytest.fixture
def bench(
    flashed_disk: Path,
    machine: Make,
    overlay: Make,
    mosquitto: Any,
    subscribe: Make,
    free_port: int,
    eventually_s: Make,
    tmp_path: Path,
) -> Bench:
    disk = overlay(flashed_disk, tmp_path / "disk.qcow2")
    return Bench(machine, disk, free_port, subscribe(mosquitto.port), eventually_s)


@pytest.mark.long
@pytest.mark.timeout(14400)
def test_power_cuts_in_an_update_leave_the_old_release_or_the_new_and_all_that_was_committed(
    bench: Bench, site: Path, wheels: Path, bookworm: Target, tmp_path: Path
) -> None:
    payload, listed = write_update(site, wheels, bookworm, tmp_path / "update")
    update = run_update(bench, payload, listed.release)
    left: list[str] = []
    began_s = time.monotonic()
    for point in spread(update.moments):
        if len(left) < LEAST_CUTS or time.monotonic() - began_s < CUTS_S:
            left.append(cut(bench, update, *point))
    assert len(left) >= LEAST_CUTS
    assert set(left) == {update.old, update.new}, "both sides of the switch were met"
    print(f"{len(left)} power cuts: {left.count(update.old)} times the old release, {left.count(update.new)} the new")
