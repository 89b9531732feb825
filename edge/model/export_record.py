"""What an export and a quantisation say of themselves: all of a manifest that the makers of its files know."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from devices.validation import read_json
from edge.model.manifest import Calibration, DataEntry, Head, Input, Part, Sha256, Share, WeightsEntry
from edge.model.several import SeveralHead
from edge.model.taxonomy import Taxonomy

QUANTIZATION_RECORD = "quantization.json"


@dataclass(frozen=True, slots=True)
class ModelNames:
    """Names of the files of a model that does one thing.

    Attributes:
        stem: What they all begin with.
    """

    stem: str

    @property
    def record(self) -> str:
        """What the export says of itself."""
        return f"{self.stem}.json"

    @property
    def exported(self) -> str:
        """The float model, for both engines."""
        return f"{self.stem}.onnx"

    @property
    def int8_openvino(self) -> str:
        """The INT8 model for OpenVINO; its weights lie beside it, with the ending .bin."""
        return f"{self.stem}-int8.xml"

    @property
    def int8_onnx(self) -> str:
        """The INT8 model for ONNX Runtime."""
        return f"{self.stem}-int8.onnx"


DETECTOR = ModelNames("detector")
CLASSIFIER = ModelNames("classifier")


class ExportRecord(Part):
    """An exported detector."""

    schema_id: Literal["edgekit.export/1"] = Field(default="edgekit.export/1", alias="schema")
    licence: str = Field(description="of the weights, SPDX")
    classes: tuple[str, ...] = Field(min_length=1)
    input: Input
    head: Head
    data: tuple[DataEntry, ...]
    weights: WeightsEntry
    recipe: str


class ClassifierExportRecord(Part):
    """An exported classifier."""

    schema_id: Literal["edgekit.classifier-export/1"] = Field(default="edgekit.classifier-export/1", alias="schema")
    licence: str = Field(description="of the weights, SPDX")
    taxonomy: Taxonomy
    input: Input
    embedding: NonNegativeInt
    thresholds: dict[str, Share]
    heads: dict[str, SeveralHead] = Field(default={}, description="by attribute of several values: how it is told")
    temperature: float = Field(gt=0, description="what logits are divided by inside the graph")
    familiar_from: float | None = Field(
        default=None,
        le=1,
        description="nearness to the nearest learnt value, 1 at most, that leaves half of a score; null: all is left",
    )
    calibrated_on: PositiveInt = Field(description="pictures that temperature, thresholds and this were chosen on")
    members: tuple[Sha256, ...] = Field(default=(), description="digests of the checkpoints whose scores are averaged")
    mirrored: bool = Field(default=False, description="whether each looks at a picture's mirror image too")
    data: tuple[DataEntry, ...]
    weights: WeightsEntry
    recipe: str


class QuantizationRecord(Part):
    """`quantization.json`: what was quantised, with which pictures, and what stayed in float."""

    schema_id: Literal["edgekit.quantization/1"] = Field(default="edgekit.quantization/1", alias="schema")
    model: str
    model_sha256: Sha256
    calibration: Calibration
    seed: int
    float_nodes: dict[str, tuple[str, ...]]
    versions: dict[str, str]


def read_export(folder: Path) -> ExportRecord:
    """Read the record of an export.

    Raises:
        EdgekitError: It is missing or not valid.
    """
    return read_json(folder / DETECTOR.record, ExportRecord, "model export", "make it with `edgekit train export`")


def read_classifier_export(folder: Path) -> ClassifierExportRecord:
    """Read the record of a classifier's export.

    Raises:
        EdgekitError: It is missing or not valid.
    """
    remedy = "make it with `edgekit train export`"
    return read_json(folder / CLASSIFIER.record, ClassifierExportRecord, "classifier's export", remedy)


def read_quantization(folder: Path) -> QuantizationRecord:
    """Read the record of a quantisation.

    Raises:
        EdgekitError: It is missing or not valid.
    """
    remedy = "make it with `edgekit compress quantize`"
    return read_json(folder / QUANTIZATION_RECORD, QuantizationRecord, "quantisation", remedy)
