"""What an export and a quantisation say of themselves: all of a manifest that the makers of its files know."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from edge.model.manifest import Calibration, DataEntry, Head, Input, Part, Sha256, WeightsEntry
from edge.validation import read_json

EXPORT_RECORD = "detector.json"
EXPORTED_MODEL = "detector.onnx"
QUANTIZATION_RECORD = "quantization.json"
INT8_OPENVINO = "detector-int8.xml"
INT8_ONNX = "detector-int8.onnx"


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
    return read_json(folder / EXPORT_RECORD, ExportRecord, "model export", "make it with `edgekit train export`")


def read_quantization(folder: Path) -> QuantizationRecord:
    """Read the record of a quantisation.

    Raises:
        EdgekitError: It is missing or not valid.
    """
    remedy = "make it with `edgekit compress quantize`"
    return read_json(folder / QUANTIZATION_RECORD, QuantizationRecord, "quantisation", remedy)
