"""What is said of a single picture, in the form in which programs get it."""

from typing import Literal

from pydantic import Field

from edge.mqtt.wire import Score, WireModel, Xyxy
from edge.tags.events import TagSource

Sides = tuple[int, int]


class PredictedTag(WireModel):
    """A key and a value that are sure, such as product and milk."""

    key: str
    value: str
    score: Score
    source: TagSource


class PredictedObject(WireModel):
    """One thing that the detector found, with what the classifier is sure of about it."""

    label: str
    score: Score
    xyxy: Xyxy = Field(description="pixels of the picture")
    tags: tuple[PredictedTag, ...] = ()


class PredictedCode(WireModel):
    """A code that was read."""

    text: str
    symbology: str = Field(description="as zxing-cpp names it")
    x: float = Field(description="of its middle, pixels of the picture")
    y: float = Field(description="of its middle, pixels of the picture")


class PredictingModels(WireModel):
    """Digests of the bundles that were asked, null where none was."""

    detector: str | None
    classifier: str | None


class Prediction(WireModel):
    """All that is said of one picture."""

    schema_id: Literal["edgekit.prediction/1"] = Field(
        default="edgekit.prediction/1", validation_alias="schema", serialization_alias="schema"
    )
    picture: str | None = Field(description="its file, null where it came over the network")
    width_px: int
    height_px: int
    tags: tuple[PredictedTag, ...] = Field(description="of the picture as a whole, by the classifier")
    objects: tuple[PredictedObject, ...] = Field(description="by the detector, surest first")
    codes: tuple[PredictedCode, ...]
    models: PredictingModels


class UnreadPicture(WireModel):
    """A picture of which nothing can be said, and why."""

    schema_id: Literal["edgekit.unread-picture/1"] = Field(
        default="edgekit.unread-picture/1", validation_alias="schema", serialization_alias="schema"
    )
    picture: str
    error: str
