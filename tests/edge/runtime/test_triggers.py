"""Triggers from whichever way they come: taken once, answered once, over restarts too."""

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devices.errors import EdgekitError
from edge.config import Codes, TriggerSocket
from edge.mqtt.bounds import Bounds
from edge.mqtt.conversion import Origin
from edge.mqtt.event_table import Span
from edge.mqtt.messages import EventBody
from edge.mqtt.outbox import Outbox
from edge.runtime.lane import Lane
from edge.runtime.trigger_socket import MOST_LINE_BYTES, TriggerListener
from edge.runtime.triggers import TriggerDesk
from edge.tags.events import EventKind, NoReadReason
from edge.tags.interpreter import CameraInterpreter
from edge.video.section import Camera, RtspSource

if TYPE_CHECKING:
    from edge.mqtt.trigger_log import TakenTrigger

CAMERA = Camera(name="gate", source=RtspSource(kind="rtsp", url="rtsp://camera/x"), policy="trigger")


class Site:
    """A box's outbox, the lane of its one camera, and the desk before both."""

    def __init__(self, folder: Path) -> None:
        origin = Origin("hall", "box-1", "run-1")
        self.outbox = Outbox.open(folder / "outbox.sqlite", origin=origin, keep=Bounds())
        self.lane = Lane(CameraInterpreter(CAMERA, Codes(), ("carton",)), self.outbox.commit)
        self.again: list[Span] = []
        self.desk = TriggerDesk(self.outbox.triggers, {"gate": self.lane}, self.again.append)

    def events(self) -> list[EventBody]:
        return [stored.body for stored in self.outbox.pending(1_000)]


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[[], Site]]:
    """Open the site's parts on the same file, as a new run would; all are closed at the end."""
    with ExitStack() as opened:

        def make() -> Site:
            site = Site(tmp_path)
            opened.callback(site.outbox.close)
            return site

        yield make


def test_a_trigger_is_taken_at_once_and_answered_later_by_one_event(open_site: Callable[[], Site]):
    site = open_site()
    taken = site.desk.take("gate", "p-1")
    assert (taken.repeated, taken.seq) == (False, None)
    assert site.events() == []
    assert site.lane.trigger_due_s is not None
    repeated = site.desk.take("gate", "p-1")
    assert (repeated.repeated, repeated.seq) == (True, None)
    site.lane.call(lambda half: half.finish())
    (event,) = site.events()
    assert (event.kind, event.reason, event.trigger_id) == (EventKind.NO_READ, NoReadReason.NO_IMAGE, "p-1")
    assert site.lane.trigger_due_s is None
    assert site.again == []


def test_a_repeated_id_gets_the_same_event_also_after_a_restart(open_site: Callable[[], Site]):
    first = open_site()
    first.desk.take("gate", "p-1")
    first.lane.call(lambda half: half.finish())
    first.outbox.close()
    second = open_site()
    second.desk.answer_earlier(second.outbox.commit)
    taken = second.desk.take("gate", "p-1")
    assert (taken.repeated, taken.seq) == (True, 1)
    assert second.again == [Span("gate", 1, 1)]
    assert second.lane.trigger_due_s is None
    assert len(second.events()) == 1


def test_what_was_taken_before_a_kill_is_answered_once_by_the_next_run(open_site: Callable[[], Site]):
    first = open_site()
    for name in ("p-1", "p-2"):
        first.desk.take("gate", name)
    first.outbox.close()  # nothing else of a run outlives its kill
    second = open_site()
    second.desk.answer_earlier(second.outbox.commit)
    second.desk.answer_earlier(second.outbox.commit)
    events = second.events()
    assert [(event.trigger_id, event.reason, event.late) for event in events] == [
        ("p-1", NoReadReason.NO_IMAGE, True),
        ("p-2", NoReadReason.NO_IMAGE, True),
    ]
    assert second.desk.take("gate", "p-2").seq == 2


def test_a_trigger_that_comes_while_a_run_begins_is_answered_once(open_site: Callable[[], Site]):
    first = open_site()
    first.desk.take("gate", "p-1")
    first.outbox.close()
    second = open_site()
    second.desk.take("gate", "p-2")  # over the broker, which brings commands as soon as it is connected
    second.desk.answer_earlier(second.outbox.commit)
    second.lane.call(lambda half: half.finish())
    assert [(event.trigger_id, event.late) for event in second.events()] == [("p-1", True), ("p-2", False)]


def test_the_same_id_from_many_sides_at_once_is_taken_once(open_site: Callable[[], Site]):
    site = open_site()
    taken: list[TakenTrigger] = []
    threads = [threading.Thread(target=lambda: taken.append(site.desk.take("gate", "p-1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.repeated for each in taken) == [False] + [True] * 7
    site.lane.call(lambda half: half.finish())
    assert len(site.events()) == 1


def test_a_camera_that_takes_no_triggers_is_refused_with_those_that_do(open_site: Callable[[], Site]):
    with pytest.raises(EdgekitError, match="'door' is no camera that takes triggers: gate"):
        open_site().desk.take("door", "p-1")


class Controller:
    """The other end of a trigger socket."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._lines = self._socket.makefile("rb")

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def say(self, content: bytes) -> str:
        self.send(content)
        return self.hear()

    def hear(self) -> str:
        return self._lines.readline().decode().removesuffix("\n")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture
def listen(open_site: Callable[[], Site]) -> Iterator[Callable[..., tuple[Site, int]]]:
    """Listen for triggers of a site at a port that the system chooses; all is closed at the end."""
    with ExitStack() as running:

        def start(most: int = 4, idle_s: float = 60.0) -> tuple[Site, int]:
            site = open_site()
            listener = TriggerListener(TriggerSocket(port=0, max_connections=most, idle_s=idle_s), site.desk.take)
            listener.start()
            running.callback(listener.stop)
            return site, listener.port

        yield start


def test_lines_over_a_socket_are_answered_one_by_one(listen: Callable[..., tuple[Site, int]]):
    site, port = listen()
    controller = Controller(port)
    assert controller.say(b"gate p-1\n") == "ok p-1"
    assert controller.say(b"gate p-1\r\n") == "ok p-1 known"
    assert controller.say(b"door p-2\n") == "error 'door' is no camera that takes triggers: gate"
    for wrong in (b"\n", b"gate\n", b"gate p 1\n", b"gate p/1\n", b"gate \xff\n", b"gate " + b"x" * 65 + b"\n"):
        assert controller.say(wrong).startswith("error a line is: CAMERA TRIGGER_ID")
    assert controller.say(b"gate p-3\ngate p-4\n") == "ok p-3"
    assert controller.hear() == "ok p-4"
    controller.close()
    site.lane.call(lambda half: half.finish())
    assert [event.trigger_id for event in site.events()] == ["p-1", "p-3", "p-4"]


def test_half_a_line_is_no_trigger_and_a_long_one_ends_the_connection(listen: Callable[..., tuple[Site, int]]):
    site, port = listen()
    broken = Controller(port)
    broken.send(b"gate p-1")
    broken.close()
    flood = Controller(port)
    assert flood.say(b"x" * (MOST_LINE_BYTES + 1)) == f"error a line has at most {MOST_LINE_BYTES} bytes"
    assert flood.hear() == ""
    flood.close()
    assert Controller(port).say(b"gate p-2\n") == "ok p-2"
    assert [taken.trigger_id for taken in site.outbox.triggers.waiting()] == ["p-2"]


def test_a_controller_that_takes_no_answers_is_let_go(
    listen: Callable[..., tuple[Site, int]], eventually: Callable[..., None]
):
    _, port = listen(1)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", port))
    deaf.settimeout(0.2)

    def is_cut_off() -> bool:
        try:
            deaf.sendall(b"gate\n" * 10_000)
        except TimeoutError:  # it does not take more before its answers are taken
            return False
        except OSError:
            return True
        return False

    eventually(is_cut_off, 60)
    eventually(lambda: Controller(port).say(b"gate p-1\n") == "ok p-1")
    deaf.close()


def test_a_connection_that_was_silent_for_long_makes_room_for_another(
    listen: Callable[..., tuple[Site, int]], eventually: Callable[..., None]
):
    _, port = listen(2, idle_s=0.5)
    silent, busy = Controller(port), Controller(port)
    silent.send(b"gate half-a-li")
    began_s = time.monotonic()
    eventually(lambda: busy.say(b"gate p-1\n").startswith("ok") and time.monotonic() > began_s + 0.6)
    assert Controller(port).say(b"gate p-2\n") == "ok p-2"
    assert busy.say(b"gate p-3\n") == "ok p-3"
    assert silent.hear() == ""


def test_more_connections_than_allowed_are_told_so_and_room_comes_again(
    listen: Callable[..., tuple[Site, int]], eventually: Callable[..., None]
):
    _, port = listen(2)
    first, second = Controller(port), Controller(port)
    assert [each.say(b"gate p-1\n")[:2] for each in (first, second)] == ["ok", "ok"]
    assert Controller(port).hear() == "error too many connections: close another one first"
    first.close()

    def is_welcome() -> bool:
        try:
            return Controller(port).say(b"gate p-3\n").startswith("ok")
        except ConnectionError:  # refused, and gone before we had spoken
            return False

    eventually(is_welcome)


def test_a_connection_that_could_not_be_taken_ends_none_that_come_later(
    listen: Callable[..., tuple[Site, int]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    taken, failed = socket.socket.accept, iter([OSError(errno.EMFILE, "Too many open files")])

    def accept(listening: socket.socket) -> Any:
        for error in failed:
            raise error
        return taken(listening)

    monkeypatch.setattr(socket.socket, "accept", accept)
    _, port = listen()
    assert Controller(port).say(b"gate p-1\n") == "ok p-1"
    assert "Too many open files" in caplog.text


def test_a_port_that_is_taken_is_one_clear_error(listen: Callable[..., tuple[Site, int]]):
    site, port = listen()
    with pytest.raises(EdgekitError, match=rf"cannot listen for triggers at 127.0.0.1:{port} .*\[trigger_socket\]"):
        TriggerListener(TriggerSocket(port=port), site.desk.take).start()
