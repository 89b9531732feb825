"""The report of an evaluation, as `edgekit evaluate --json` prints it and `edgekit bundle build` reads it."""

from pydantic import BaseModel, ConfigDict, Field

from edge.model.manifest import Format, Precision, Sha256


class ClassScore(BaseModel):
    """Average precision of one class, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    map50: float
    map50_95: float


class ModelScore(BaseModel):
    """What one model file came to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Format
    sha256: Sha256 = Field(description="of the model file")
    backend: str
    version: str
    precision: Precision
    classes: tuple[ClassScore, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """Return the scores by name, as they go into a manifest."""
        rows = [(f"map50/{score.name}", score.map50) for score in self.classes]
        rows += [(f"map50-95/{score.name}", score.map50_95) for score in self.classes]
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
    models: tuple[ModelScore, ...]
    int8_costs: tuple[Int8Cost, ...]
