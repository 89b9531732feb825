"""What the page's script gets: JSON in the page's own form, which nobody else should build on; MQTT is the contract."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer

from edge.mqtt.wire import UtcTime, WireModel
from edge.section import Polygon
from edge.zones import Line, Shelf


def _as_written(zone: Line | Shelf) -> dict[str, Any]:
    """Return a zone without what box.toml leaves to the defaults, so that it can be sent back and saved as it is."""
    return zone.model_dump(mode="json", by_alias=True, exclude_unset=True)


WrittenLine = Annotated[Line, PlainSerializer(_as_written)]
WrittenShelf = Annotated[Shelf, PlainSerializer(_as_written)]
Corners = tuple[tuple[float, float], ...]


class PageModel(WireModel):
    """The model in use."""

    name: str
    version: str
    digest: str
    backend: str
    backend_version: str
    device: str
    precision: str
    requests: int
    classes: tuple[str, ...]


class PageCamera(WireModel):
    """How a camera does."""

    name: str
    live: bool
    policy: str
    state: str
    since: UtcTime
    reason: str | None
    fps: float | None
    frames: int
    still: int
    dropped: Mapping[str, int]
    events: Mapping[str, int]


class PageOutbox(WireModel):
    """How full the outbox is."""

    depth: int
    most: int
    discarded: int
    unacknowledged: Mapping[str, int]


class PageLatency(WireModel):
    """Milliseconds from a frame's arrival to its lane's end, all cameras; one a second, oldest first, null: none."""

    p50_ms: tuple[float | None, ...]
    p99_ms: tuple[float | None, ...]


class PageBox(WireModel):
    """Everything but pictures and events."""

    site: str
    box: str
    run_id: str
    uptime_s: float
    versions: Mapping[str, str]
    ok: bool
    reasons: tuple[str, ...]
    broker: str
    connected: bool
    model: PageModel
    outbox: PageOutbox
    cameras: tuple[PageCamera, ...]
    latency: PageLatency
    asks_for_token: bool


class PageItem(WireModel):
    """Something that was found in a picture; its box in shares of width and height."""

    kind: Literal["parcel", "label", "product"]
    label: str
    box: tuple[float, float, float, float]
    score: float | None = None
    track: int | None = None
    texts: tuple[str, ...] = ()
    decided: str | None = None


class PageStock(WireModel):
    """What stands in a shelf zone: counts by class, null where that is not sure."""

    zone: str
    counts: Mapping[str, int] | None
    comparing: bool


class PageScene(WireModel):
    """A picture with all that is known of it."""

    camera: str
    index: int
    captured_at: UtcTime
    width: int
    height: int
    inferred: bool
    items: tuple[PageItem, ...]
    stock: tuple[PageStock, ...]
    jpeg: str


class PageEvent(WireModel):
    """An event as it was committed."""

    seq: int
    camera: str
    zone: str | None
    kind: str
    captured_at: UtcTime
    texts: tuple[str, ...]
    reason: str | None
    product: str | None
    route: str | None
    stock: str | None
    late: bool


class PageDrawing(WireModel):
    """What is drawn on a camera's picture in box.toml.

    Attributes:
        revision: Digest of the file that this was read from.
        in_force: Whether the running box works by it, so that no restart is needed.
        locked: Why the page cannot save, null where it can.
    """

    camera: str
    revision: str
    in_force: bool
    locked: str | None
    lines: tuple[WrittenLine, ...]
    shelves: tuple[WrittenShelf, ...]
    masks: tuple[Polygon, ...]


class PageCode(WireModel):
    """A code that was read in the aiming view; corners in shares of width and height."""

    text: str
    symbology: str
    corners: Corners
    module_px: float
    sharpness: float
    glare: float
    advice: str | None


class PageAim(WireModel):
    """What the aiming view shows; sharpness and glare are of the picture's middle, by the measures of no-reads."""

    scene: PageScene
    sharpness: float
    glare: float
    codes: tuple[PageCode, ...]
    least_module_px: float
    least_sharpness: float
    most_glare: float
