"""What a detector finds in each frame, for whoever wants to look on: it is sent once, or not at all."""

from typing import Literal

from pydantic import Field

from edge.mqtt.messages import CaptureTime, FrameReference, WireBox
from edge.mqtt.wire import WireModel

DETECTIONS = "edgekit.detections/1"


class WireDetection(WireBox):
    """One detection; its track where it is a parcel that is followed."""

    track: int | None


class DetectionsMessage(WireModel):
    """All detections of one frame. Never kept: dropped without a connection, or where the line is slow."""

    schema_id: Literal["edgekit.detections/1"] = Field(
        default=DETECTIONS, validation_alias="schema", serialization_alias="schema"
    )
    site: str
    box: str
    camera: str
    run_id: str
    frame: FrameReference
    captured_at: CaptureTime
    still: bool = Field(description="nothing moved since the frame before it: these are that one's detections")
    detections: tuple[WireDetection, ...]
