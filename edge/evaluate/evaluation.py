"""The report of an evaluation, as `edgekit evaluate --json` prints it and `edgekit bundle build` reads it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from edge.model.manifest import Format, Precision, Sha256

Size = Literal["small", "medium", "large"]


class SizeScore(BaseModel):
    """A class by the size of its objects in the pictures: COCO's bounds, 32 and 96 pixels squared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Size
    objects: PositiveInt
    map50_95: float


class ClassScore(BaseModel):
    """Average precision of one class, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    map50: float
    map50_95: float
    map50_interval: tuple[float, float] | None = Field(
        default=None, description="95 % interval over draws of the pictures: another camera may well lie outside"
    )
    map50_95_interval: tuple[float, float] | None = None
    precision: float | None = Field(default=None, description="at the bundle's threshold and an overlap of 0.5")
    recall: float | None = None
    f1: float | None = None
    sizes: tuple[SizeScore, ...] = ()
    masks: "MaskScore | None" = Field(default=None, description="of outlines, where the model and the set tell them")


class MaskScore(BaseModel):
    """Average precision of one class by its masks, 0 to 1, with 95 % intervals over draws of the pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    map50: float
    map50_95: float
    map50_interval: tuple[float, float]
    map50_95_interval: tuple[float, float]


class GroupScore(BaseModel):
    """What a model came to on the pictures of one group: one camera's, or one site's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pictures: PositiveInt
    classes: tuple[ClassScore, ...] = Field(description="those that stand in the pictures")


class ModelScore(BaseModel):
    """What one model file came to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Format
    sha256: Sha256 = Field(description="of the model file")
    backend: str
    version: str
    precision: Precision
    classes: tuple[ClassScore, ...]
    groups: tuple[GroupScore, ...] = ()
    threshold: float | None = Field(default=None, description="the bundle's, of precision, recall, F1 and confusion")
    confusion_names: tuple[str, ...] = Field(default=(), description="the classes, and last what is no object")
    confusion: tuple[tuple[int, ...], ...] = Field(default=(), description="a row a name as labelled, columns as found")

    @property
    def mistakes(self) -> list[tuple[str, str, int]]:
        """Return what was labelled, what it was taken for and how often, the commonest first."""
        cells = [
            (labelled, found, times)
            for labelled, row in zip(self.confusion_names, self.confusion, strict=True)
            for found, times in zip(self.confusion_names, row, strict=True)
            if labelled != found and times
        ]
        return sorted(cells, key=lambda cell: -cell[2])

    @property
    def metrics(self) -> dict[str, float]:
        """Return the scores by name, as they go into a manifest."""
        rows = [(f"map50/{score.name}", score.map50) for score in self.classes]
        rows += [(f"map50-95/{score.name}", score.map50_95) for score in self.classes]
        for score in self.classes:
            if score.masks is not None:
                rows += [(f"mask-map50/{score.name}", score.masks.map50)]
                rows += [(f"mask-map50-95/{score.name}", score.masks.map50_95)]
        return {name: round(value, 4) for name, value in rows}


class Int8Cost(BaseModel):
    """mAP50-95 of INT8 less that of FP32 on one set, in points, with the 95 % interval of a paired bootstrap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: str
    set_name: str
    points: float
    low: float
    high: float
    draws: int


class Evaluation(BaseModel):
    """The whole report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bundle: str
    digest: str
    split: str
    sets: dict[str, int]
    openings: dict[str, int] = Field(
        default={}, description="how many times the test part of each set was opened, this one included"
    )
    by: str | None = Field(default=None, description="the heading that the groups are of")
    models: tuple[ModelScore, ...]
    int8_costs: tuple[Int8Cost, ...]
