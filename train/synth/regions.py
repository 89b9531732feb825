"""`regions/{split}/{picture}.json`: outlines and texts of what stands in a rendered picture, beside its labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.validation import read_json
from train.synth.outlines import Outline
from train.synth.stage import LabelledBox

REGIONS = "regions"


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """What is known to stand in a picture without being labelled there.

    Attributes:
        kind: What it is.
        article: Regions of one number belong together.
        outline: Corners, pixels of the picture.
        text: What is printed there.
    """

    kind: str
    article: int
    outline: Outline
    text: str = ""


class RegionRecord(BaseModel):
    """A region as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    text: str = Field(description="what is printed there; of a product its name, empty where nothing is, or is known")
    article: int = Field(description="regions of one number belong to one article, carton or load")
    outline: tuple[tuple[float, float], ...] = Field(
        description="corners, x and y in pixels; of what a scene was labelled with by boxes alone, the box's"
    )


class RegionsRecord(BaseModel):
    """All regions of a picture: those that are labelled first, in the order of its labels."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.regions/1"] = Field(default="edgekit.regions/1", alias="schema")
    regions: tuple[RegionRecord, ...]


def regions_of(
    boxes: Sequence[LabelledBox], classes: Sequence[str], unlabelled: Sequence[Unlabelled] = ()
) -> RegionsRecord:
    """Return a picture's regions.

    Args:
        boxes: What is labelled.
        classes: Names in the order of their ids.
        unlabelled: What is known besides.
    """
    records = [_record(Unlabelled(classes[box.class_id], box.carton, _corners(box), box.text)) for box in boxes]
    return RegionsRecord(regions=(*records, *(_record(one) for one in unlabelled)))


def read_regions(folder: Path, split: str, name: str) -> tuple[RegionRecord, ...]:
    """Return the regions of a set's picture, none where the set has no record of them.

    Args:
        folder: Of the set.
        split: Of the picture.
        name: Of its file, without the ending.

    Raises:
        EdgekitError: The record is not valid.
    """
    path = folder / REGIONS / split / f"{name}.json"
    if not path.exists():
        return ()
    return read_json(path, RegionsRecord, "picture's regions", "render the set anew").regions


def _corners(box: LabelledBox) -> Outline:
    left, top, right, bottom = box.xyxy
    return box.outline or ((left, top), (right, top), (right, bottom), (left, bottom))


def _record(one: Unlabelled) -> RegionRecord:
    corners = tuple((round(float(x), 2), round(float(y), 2)) for x, y in one.outline)
    return RegionRecord(kind=one.kind, text=one.text, article=one.article, outline=corners)
