"""`regions/{split}/{picture}.json`: outlines and texts of what stands in a rendered picture, beside its labels."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from train.synth.outlines import Outline
from train.synth.stage import LabelledBox


class RegionRecord(BaseModel):
    """A region as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    text: str = Field(description="what is printed there; of a product its name, empty where nothing is")
    article: int = Field(description="regions of one number belong to one article, carton or load")
    outline: tuple[tuple[float, float], ...] = Field(description="corners, x and y in pixels")


class RegionsRecord(BaseModel):
    """All regions of a picture: those that are labelled first, in the order of its labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_id: Literal["edgekit.regions/1"] = Field(default="edgekit.regions/1", serialization_alias="schema")
    regions: tuple[RegionRecord, ...]


def regions_of(
    boxes: Sequence[LabelledBox], classes: Sequence[str], others: Sequence[tuple[str, int, Outline]] = ()
) -> str:
    """Return a picture's regions as JSON.

    Args:
        boxes: What is labelled.
        classes: Names in the order of their ids.
        others: Kind, article and outline of what is not labelled, but known.
    """
    records = [_record(classes[box.class_id], box.carton, box.outline, box.text) for box in boxes]
    records += [_record(kind, article, outline) for kind, article, outline in others]
    return RegionsRecord(regions=tuple(records)).model_dump_json()


def _record(kind: str, article: int, outline: Outline, text: str = "") -> RegionRecord:
    corners = tuple((round(float(x), 2), round(float(y), 2)) for x, y in outline)
    return RegionRecord(kind=kind, text=text, article=article, outline=corners)
