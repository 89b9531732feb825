"""Commands to a box and its replies, on the wire."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from edge.model.taxonomy import ProductName
from edge.mqtt.messages import ModelKind
from edge.mqtt.shelf_messages import WireCount
from edge.mqtt.wire import Score, Seq, UtcTime, WireModel
from edge.tags.triggers import TRIGGER_ID

COMMAND = "edgekit.command/1"
REPLY = "edgekit.reply/1"

CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
# Relative, and no part begins with a dot: it cannot lead out of the folder.
BundlePath = Annotated[
    str, Field(max_length=200, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$")
]
TriggerId = Annotated[str, Field(pattern=TRIGGER_ID)]
Scalar = str | int | float | bool | None


class CommandName(str, Enum):
    """What a box can be told to do; the last part of the topic."""

    PING = "ping"
    PAUSE = "pause"
    RESUME = "resume"
    SNAPSHOT = "snapshot"
    SET_THRESHOLD = "set_threshold"
    SELF_TEST = "self_test"
    RELOAD_ROUTING = "reload_routing"
    STOCKTAKE = "stocktake"
    RELOAD_BUNDLE = "reload_bundle"
    TRIGGER = "trigger"
    REPLAY = "replay"
    TEACH = "teach"
    UNDO_TEACH = "undo_teach"


class ZoneStock(WireModel):
    """What stands in one shelf zone, for `stocktake`."""

    camera: str
    zone: str
    counts: tuple[WireCount, ...] | None = Field(description="null as long as nothing is sure")
    seen_at: UtcTime | None = Field(description="capture time of the newest picture, null before the first")
    comparing: bool = Field(description="the first pictures, or those after a gap, are still being compared")
    stale: bool = Field(description="the camera sees nothing now: it stood so when it last did")


Result = Mapping[str, Scalar | tuple[ZoneStock, ...] | tuple[str, ...]]


class CommandMessage(WireModel):
    """A command; the topic names which. The same id gets the same reply, and is executed once."""

    schema_id: Literal["edgekit.command/1"] = Field(
        default=COMMAND, validation_alias="schema", serialization_alias="schema"
    )
    id: CommandId = Field(description="chosen by the client, new for each command")
    client: CommandId = Field(description="who asks; one of clients in the box's [commands]")
    camera: str | None = Field(default=None, description="of pause, resume, snapshot, trigger, replay and teach")
    score: Score | None = Field(default=None, description="of set_threshold, until the next start")
    width_px: PositiveInt | None = Field(default=None, description="of snapshot: most columns of the picture")
    bundle: BundlePath | None = Field(
        default=None,
        description="of reload_bundle: path below the box's folder of bundles; none: the configured one, read anew",
    )
    model: ModelKind | None = Field(default=None, description="of reload_bundle: which; none: the detector")
    product: ProductName | None = Field(
        default=None, description="of teach: what the camera shows; of undo_teach: whose last teaching, none: the last"
    )
    snapshots: int | None = Field(default=None, ge=1, le=8, description="of teach: pictures to learn from; 1 if none")
    trigger_id: TriggerId | None = Field(default=None, description="of trigger: the controller's, new for each parcel")
    epoch: str | None = Field(default=None, description="of replay: that of the events that are asked for")
    first: Seq | None = Field(
        default=None, validation_alias="from", serialization_alias="from", description="of replay: the first seq"
    )
    last: Seq | None = Field(
        default=None, validation_alias="to", serialization_alias="to", description="of replay: the last seq"
    )


class ReplyMessage(WireModel):
    """What became of a command."""

    schema_id: Literal["edgekit.reply/1"] = Field(
        default=REPLY, validation_alias="schema", serialization_alias="schema"
    )
    site: str
    box: str
    run_id: str
    command: str = Field(description="as the topic named it")
    id: str | None = Field(description="of the command, null where it could not be read")
    ok: bool
    error: str | None = Field(description="why not, for a person; null where ok")
    repeated: bool = Field(description="whether this id was executed before, and this only tells its result again")
    replied_at: UtcTime
    result: Result = Field(
        description="by command; a snapshot's picture is told once and not kept; of stocktake zones, and stale: cameras"
    )
