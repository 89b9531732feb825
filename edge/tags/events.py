"""What a camera's pictures meant, before it has a place in the outbox: the box-internal form of an event.

`edge.mqtt.messages` gives it its form on the wire; epoch and seq are given by the outbox as it commits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from edge.video.frame import ClockSource, Frame

Xyxy = tuple[float, float, float, float]  # left, top, right, bottom in pixels of the frame
Outline = tuple[tuple[float, float], ...]  # corners in pixels of the frame


class EventKind(str, Enum):
    """Kinds of events on a line, on a shelf, of a camera and of the outbox."""

    READ = "read"
    NO_READ = "no_read"
    MULTI_READ = "multi_read"
    APPEARED = "appeared"  # a product stands that did not stand before
    REMOVED = "removed"  # a product was taken, and was not back in time
    PUT_BACK = "put_back"  # a product was taken, and is back
    MISPLACED = "misplaced"  # a product stands where its class is not expected
    COUNT = "count"  # another number of a class stands now, or it is said anew
    LOW_STOCK = "low_stock"
    OUT_OF_STOCK = "out_of_stock"
    OVERSTOCK = "overstock"
    UNOBSERVED = "unobserved"
    LOST = "lost"


class NoReadReason(str, Enum):
    """Why a parcel crossed the line without a text."""

    NO_LABEL = "no_label"  # neither a code region nor a code was ever found on it
    TOO_SMALL = "too_small"  # a region was found, too few pixels a module to read
    BLURRED = "blurred"
    GLARE = "glare"
    CHECKSUM_WRONG = "checksum_wrong"  # a linear code gave the same text again and again, and its check digit denies it
    DAMAGED = "damaged"  # a region was found, big and sharp enough, and gave no text
    UNSURE = "unsure"  # texts were read that did not agree often enough
    NO_IMAGE = "no_image"


class TagSource(str, Enum):
    """What gave a tag."""

    DETECTOR = "detector"
    CLASSIFIER = "classifier"
    BARCODE = "barcode"
    OCR = "ocr"
    GALLERY = "gallery"
    CATALOGUE = "catalogue"


@dataclass(frozen=True, slots=True)
class Tag:
    """One key and value about a parcel or product, e.g. `code = 4006381333931`, with its score (0 to 1) and source."""

    key: str
    value: str
    score: float
    source: TagSource
    symbology: str | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """A box that belongs to an event: its label and (left, top, right, bottom) in pixels of the frame.

    With the outline of what is in it, where the model segments and the camera is asked for outlines.
    """

    label: str
    score: float
    xyxy: Xyxy
    outline: Outline | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time that is told about: UTC, first and last moment, and its cause."""

    start: datetime
    end: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class Stock:
    """What a shelf's event says about one class of product.

    Attributes:
        tag: The class.
        count: How many of it stand in the zone now.
        before: How many stood there before; for `count` only, and None where nothing was known.
        since: UTC. Where a product was last seen to stand (`removed`), first seen to stand (`appeared`, `put_back`,
            `misplaced`), or since when the count has been what it is, as far as anybody saw.
        away_s: Seconds for which a product was away, by the camera's time line; for `put_back` only.
        limit: The `min` or `max` that the count has passed; for stocks too low or too high only.
    """

    tag: str
    count: int
    since: datetime
    before: int | None = None
    away_s: float | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What an event was decided on, for whoever may keep a crop of it; never stored or sent with the event.

    Attributes:
        frame: Privacy masks are in it already.
        xyxy: Of the parcel or product, pixels of the frame; None where all of the picture counts.
        margin: By which the classifier's likeliest values led, mean of its looks; None where it did not look.
    """

    frame: Frame
    xyxy: Xyxy | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class TagEvent:
    """One final statement about one parcel or a shelf, or about a stretch of time in which nothing could be seen.

    Attributes:
        camera: Name of the camera.
        kind: What happened.
        captured_at: Capture time (UTC) of the frame that decided the event.
        clock: Where `captured_at` comes from.
        arrived_s: Host monotonic seconds at which that frame arrived; latency reckons from it.
        frame_index: Index of that frame.
        frame_size: (width, height) in pixels of that frame, None where no frame is behind the event.
        zone: Name of the line or shelf, None for events of a camera.
        direction: Name of the direction in which the line was crossed.
        track_id: The parcel's track, unique for a camera within a run.
        regions: The parcel's box first, then its label regions, as they stood in the deciding frame. On a shelf the
            product's box, for a product that is gone where it stood.
        tags: What is known of the parcel or product.
        reason: Why there is no text; for `no_read` only.
        interval: The stretch of time; for `unobserved` and `lost` only.
        stock: What is said about a class of product; for a shelf's kinds only.
        late: The event was decided when its deadline had passed.
        trigger_id: The controller's name for the trigger that the event answers, None where it answers none.
        stages_ms: Milliseconds that the deciding frame spent in each stage, by the stage's name.
        product: Name of the product that the tags stand for, None where no catalogue knows one.
        route: The lane that the parcel belongs on, None where there are no routes.
        catalogue_digest: sha256 of the catalogue that was asked, None where there is none.
        routes_digest: The same of the routes.
        model_digest: Of the model that saw the deciding frame, or was in use where there is none; the lane sets it.
        classifier_digest: Of the classifier that was in use when it was decided, None where there is none.
        gallery_digest: Of the products that were taught on the box as it was decided, None where none were.
        evidence: The picture, until the event is committed: it must not hold pictures in memory.
    """

    camera: str
    kind: EventKind
    captured_at: datetime
    clock: ClockSource
    arrived_s: float
    frame_index: int
    frame_size: tuple[int, int] | None = None
    zone: str | None = None
    direction: str | None = None
    track_id: int | None = None
    regions: tuple[Region, ...] = ()
    tags: tuple[Tag, ...] = ()
    reason: NoReadReason | None = None
    interval: Interval | None = None
    stock: Stock | None = None
    late: bool = False
    trigger_id: str | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    product: str | None = None
    route: str | None = None
    catalogue_digest: str | None = None
    routes_digest: str | None = None
    model_digest: str | None = None
    classifier_digest: str | None = None
    gallery_digest: str | None = None
    evidence: Evidence | None = field(default=None, compare=False, repr=False)
