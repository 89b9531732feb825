"""The messages on the wire, version 1: what a consumer may rely on."""

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from edge.mqtt.shelf_messages import ShelfMessage, WireStock
from edge.mqtt.wire import Score, Seq, Upto, UtcTime, WireModel, Xyxy
from edge.tags.events import EventKind, NoReadReason, TagSource
from edge.video.frame import ClockSource

EVENT = "edgekit.event/1"
STATUS = "edgekit.status/1"
CAMERA = "edgekit.camera/1"
ACKNOWLEDGEMENT = "edgekit.ack/1"

_UUID7 = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


class CaptureTime(WireModel):
    """When the deciding frame was captured, by which clock, and whether that clock can be compared with others."""

    time: UtcTime
    source: ClockSource
    synchronised: bool | None = Field(description="null where the box cannot tell")


class FrameReference(WireModel):
    """The frame that decided an event."""

    index: NonNegativeInt = Field(description="counts from 0 for each camera and run")
    width: PositiveInt = Field(description="pixels")
    height: PositiveInt = Field(description="pixels")


class Latency(WireModel):
    """Milliseconds by the host's monotonic clock."""

    stages: dict[str, NonNegativeFloat] = Field(description="by the stage's name; outbox: from commit to publish")
    total: NonNegativeFloat | None = Field(
        description="from the frame's arrival to publish; null where the event was committed by an earlier run"
    )


class WireBox(WireModel):
    """A box that belongs to an event, in pixels of the frame and as shares of its width and height."""

    label: str
    score: Score
    pixels: Xyxy
    normalised: Xyxy
    # An outbox may hold events of a release that did not know it.
    outline: tuple[tuple[float, float], ...] | None = Field(
        default=None,
        description="corners of what is in the box, as shares of the frame's width and height; null where the model "
        "gives no masks, or the camera is not asked for outlines",
    )


class WireTag(WireModel):
    """One key and value about a parcel."""

    key: str
    value: str
    score: Score
    source: TagSource
    symbology: str | None


class WireInterval(WireModel):
    """What was not seen (`unobserved`) or will not be sent (`lost`)."""

    start: UtcTime = Field(validation_alias="from", serialization_alias="from")
    end: UtcTime = Field(validation_alias="to", serialization_alias="to")
    cause: str
    seqs: tuple[tuple[Seq, Seq], ...] = Field(
        default=(),
        description="lost only: ranges of seq, first and last, that will never be sent; none where none was given",
    )


class _EventFields(WireModel):
    """All that is fixed once an event is committed."""

    schema_id: Literal["edgekit.event/1"] = Field(
        default=EVENT, validation_alias="schema", serialization_alias="schema"
    )
    event_id: str = Field(pattern=_UUID7)
    site: str
    box: str
    camera: str
    run_id: str = Field(description="of the run that committed the event")
    epoch: str = Field(description="born with the box's outbox; seq counts from 1 in each")
    seq: Seq
    kind: EventKind
    captured_at: CaptureTime
    frame: FrameReference | None
    late: bool = Field(description="it was decided when its deadline had passed")
    track: int | None
    zone: str | None
    direction: str | None
    boxes: tuple[WireBox, ...]
    tags: tuple[WireTag, ...]
    product: str | None = Field(description="what the tags stand for by the box's catalogue")
    route: str | None = Field(description="the lane that the parcel belongs on by the box's routes")
    # An outbox may hold events of a release that did not know these.
    catalogue_digest: str | None = Field(default=None, description="sha256 of the catalogue that was asked")
    routes_digest: str | None = Field(default=None, description="sha256 of the routes that were asked")
    classifier_digest: str | None = Field(
        default=None, description="of the classifier's bundle in use when the event was decided; null without one"
    )
    gallery_digest: str | None = Field(default=None, description="sha256 of the products that were taught on the box")
    trigger_id: str | None
    reason: NoReadReason | None
    interval: WireInterval | None
    stock: WireStock | None = Field(default=None, description="of a shelf's kinds: which product, and how many stand")
    model_digest: str | None


class EventBody(_EventFields):
    """An event as the outbox keeps it; it does not yet know when it will be published."""

    stages_ms: dict[str, NonNegativeFloat]


class EventMessage(_EventFields):
    """An event as a consumer gets it. (camera, epoch, seq) tells it apart from all others of the box."""

    published_at: UtcTime
    latency_ms: Latency
    replayed: bool = Field(
        description="it waited through a lost connection or a restart, or may have been sent before: history, not live"
    )


class BoxState(str, Enum):
    """How a box does as a whole."""

    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"


class ModelKind(str, Enum):
    """The models that a box may run."""

    DETECTOR = "detector"
    CLASSIFIER = "classifier"


class SwapState(str, Enum):
    """How far an exchange of the model has come."""

    LOADING = "loading"  # the bundle is verified, loaded, and its self-test run
    SHADOW = "shadow"  # the new model looks at live pictures beside the one in use
    PROBATION = "probation"  # it is in use, and is taken back where it fails or is too slow
    DONE = "done"
    REFUSED = "refused"  # it was never in use
    ROLLED_BACK = "rolled_back"  # the old model is in use again


class LookCounts(WireModel):
    """What looked at crops in this run, and how often that failed."""

    looks: NonNegativeInt
    failed: NonNegativeInt


class CameraPosition(WireModel):
    """How far a camera's events have come."""

    last_seq: Upto = Field(description="0: none yet in this epoch")
    oldest_unacknowledged: Seq | None


class SwapMessage(WireModel):
    """How far the last exchange of a model has come that a command asked for."""

    command_id: str
    model: ModelKind = Field(default=ModelKind.DETECTOR, description="which is exchanged")
    bundle: str = Field(description="as the command named it, or the configured path")
    state: SwapState
    model_digest: str | None = Field(description="of the new model, null before its bundle is verified")
    detail: str | None = Field(description="why it was refused or rolled back, or how the new model compares")
    since: UtcTime


class StatusMessage(WireModel):
    """How the box does. As last will it was written in advance, so times and counts in it are null."""

    schema_id: Literal["edgekit.status/1"] = Field(
        default=STATUS, validation_alias="schema", serialization_alias="schema"
    )
    site: str
    box: str
    run_id: str
    state: BoxState
    reason: str | None
    since: UtcTime | None
    published_at: UtcTime | None
    versions: Mapping[str, str]
    model_digest: str | None
    # A consumer may read the status of a release that did not know these.
    engine: str | None = Field(
        default=None, description="what runs the model: engine, device, file, in what its floats are computed"
    )
    swap: SwapMessage | None = Field(default=None, description="of this run; null where no exchange was asked for")
    classifier_digest: str | None = Field(default=None, description="of the classifier's bundle; null without one")
    looks: Mapping[str, LookCounts] = Field(
        default_factory=dict, description="by who looks at crops: classifier, ocr; those that the box has"
    )
    score_threshold: Score | None = Field(default=None, description="in use: of the bundle, box.toml, or a command")
    epoch: str
    outbox_depth: NonNegativeInt | None
    cameras: Mapping[str, CameraPosition]
    consumers: Mapping[str, Mapping[str, Upto]] = Field(
        description="named consumers, and by camera the seq up to which each has acknowledged"
    )
    refused_acknowledgements: NonNegativeInt | None = Field(description="of this run: wrong epoch, or never published")


class CameraState(str, Enum):
    """How a camera does."""

    STREAMING = "streaming"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    MASKED = "masked"
    DISABLED = "disabled"


class CameraDrops(WireModel):
    """Pictures of this run that were not looked at, by cause."""

    superseded: NonNegativeInt = Field(description="a newer one came before there was time for them")
    damaged: NonNegativeInt = Field(description="they came damaged")
    blind: NonNegativeInt = Field(description="they were black or repeated what had been seen")
    spared: NonNegativeInt = Field(default=0, description="the scene rested, and they were not decoded")


class CameraStatusMessage(WireModel):
    """How one camera does. Void without an online status of the same run."""

    schema_id: Literal["edgekit.camera/1"] = Field(
        default=CAMERA, validation_alias="schema", serialization_alias="schema"
    )
    site: str
    box: str
    camera: str
    run_id: str
    state: CameraState
    since: UtcTime
    fps: NonNegativeFloat | None
    drops: CameraDrops
    read_late: NonNegativeInt = Field(
        default=0, description="parcels of this run whose first text was sure after their final event: counted alone"
    )
    reason: str | None


class AcknowledgementMessage(WireModel):
    """A consumer's word that it has a camera's events up to and with one of them, and needs them no more.

    The box also takes it without `schema`, and a plain number for `upto` of the present epoch, if it is not retained.
    """

    schema_id: Literal["edgekit.ack/1"] = Field(
        default=ACKNOWLEDGEMENT, validation_alias="schema", serialization_alias="schema"
    )
    epoch: str
    upto: Upto


MESSAGES: tuple[type[WireModel], ...] = (
    EventMessage,
    StatusMessage,
    CameraStatusMessage,
    ShelfMessage,
    AcknowledgementMessage,
)
