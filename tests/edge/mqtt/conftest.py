"""Events, outboxes and publishers for the tests of the MQTT contract."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.mqtt.bounds import Bounds
from edge.mqtt.broker import EmbeddedBroker
from edge.mqtt.clock import Clock
from edge.mqtt.conversion import Origin
from edge.mqtt.outbox import Outbox
from edge.mqtt.pace import Pace
from edge.mqtt.publisher import Publisher
from edge.mqtt.section import Mqtt
from edge.tags.events import EventKind, Region, Tag, TagEvent, TagSource
from edge.video.frame import ClockSource

NOON = datetime(2025, 3, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)

MakeEvent = Callable[..., TagEvent]
MakeOutbox = Callable[..., Outbox]
MakePublisher = Callable[..., Publisher]


@pytest.fixture
def tmp_path(ram_path: Path) -> Path:
    """Stand for pytest's own: an outbox syncs each commit."""
    return ram_path


@pytest.fixture
def make_event() -> MakeEvent:
    """Make a complete `read` event of a camera, by default `belt`, with a text."""

    def make(camera: str = "belt", text: str = "4006381333931") -> TagEvent:
        return TagEvent(
            camera=camera,
            kind=EventKind.READ,
            captured_at=NOON,
            clock=ClockSource.HOST,
            arrived_s=0.0,
            frame_index=41,
            frame_size=(640, 480),
            zone="exit",
            direction="left_to_right",
            track_id=7,
            regions=(
                Region("carton", 0.91, (64.0, 48.0, 320.0, 240.0)),
                Region("barcode", 0.8, (100.0, 60.0, 200.0, 90.0)),
            ),
            tags=(Tag("code", text, 0.97, TagSource.BARCODE, "EAN13"),),
            stages_ms={"decode": 1.25, "inference": 12.5},
        )

    return make


@pytest.fixture
def make_outbox(tmp_path: Path) -> Iterator[MakeOutbox]:
    """Open an outbox in the test's folder; all are closed at the end."""
    with contextlib.ExitStack() as opened:

        def make(
            run_id: str = "run-1",
            *,
            bounds: Bounds | None = None,
            keep: Bounds | None = None,
            consumers: tuple[str, ...] = (),
            clock: Clock | None = None,
        ) -> Outbox:
            origin = Origin("hall", "box-1", run_id, "sha256:abc")
            return opened.enter_context(
                Outbox.open(
                    tmp_path / "outbox.sqlite",
                    origin=origin,
                    bounds=bounds,
                    keep=keep,
                    consumers=consumers,
                    clock=clock or Clock(),
                )
            )

        yield make


@pytest.fixture
def make_publisher() -> Iterator[MakePublisher]:
    """Make a publisher of an outbox to a port, quick to come back; all are stopped at the end."""
    with contextlib.ExitStack() as running:

        def make(
            outbox: Outbox,
            settings: Mqtt,
            *,
            cameras: tuple[str, ...] = ("belt",),
            pace: Pace | None = None,
            shelves: tuple[tuple[str, str], ...] = (),
        ) -> Publisher:
            quick = Pace(backoff_first_s=0.1, backoff_max_s=0.4)
            publisher = Publisher(
                settings, outbox, cameras=cameras, versions={"edgekit": "0.1.0"}, pace=pace or quick, shelves=shelves
            )
            running.callback(publisher.stop, 0.0)
            return publisher

        yield make


@pytest.fixture(params=["mosquitto", "embedded"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Run the test with each kind of broker, and give its port."""
    if request.param == "mosquitto":
        yield request.getfixturevalue("mosquitto").port
    else:
        with EmbeddedBroker() as broker:
            yield broker.port
