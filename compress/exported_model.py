"""Looks at an exported file before anything is done with it: what it is, and whether a box can run what comes of it."""

from dataclasses import dataclass
from pathlib import Path

import onnx

from devices.errors import EdgekitError
from edge.model.export_record import (
    CLASSIFIER,
    DETECTOR,
    ClassifierExportRecord,
    ExportRecord,
    ModelNames,
    read_classifier_export,
    read_export,
)

MOST_OPSET = 20  # ONNX Runtime 1.23 is the newest for JetPack 6; its static quantiser knows no newer one either
MOST_IR = 10
_REMEDY = "export it with `edgekit train export`"


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """An exported file with the record beside it.

    Attributes:
        file: The ONNX file.
        record: What its export said of it.
        height: Rows of the input.
        width: Columns of the input.
    """

    file: Path
    record: ExportRecord | ClassifierExportRecord
    height: int
    width: int

    @property
    def names(self) -> ModelNames:
        """Names of the files that are made of it."""
        return DETECTOR if isinstance(self.record, ExportRecord) else CLASSIFIER

    @classmethod
    def open(cls, file: Path) -> "ExportedModel":
        """Open an exported file.

        Raises:
            EdgekitError: It is missing, is no ONNX model, has no record beside it, its input is not (1, height, width,
                3) uint8, or its operator set or form is newer than what boxes run.
        """
        height, width = input_size(file)
        if file.name not in {DETECTOR.exported, CLASSIFIER.exported}:
            raise EdgekitError(f"{file} is not named {DETECTOR.exported} or {CLASSIFIER.exported}: {_REMEDY}")
        read = read_classifier_export if file.name == CLASSIFIER.exported else read_export
        record = read(file.parent)
        told = (record.input.height, record.input.width)
        if told != (height, width):
            raise EdgekitError(
                f"{file} takes pictures of {width}x{height}, its record says {told[1]}x{told[0]}: {_REMEDY}"
            )
        return cls(file, record, height, width)


def input_size(file: Path) -> tuple[int, int]:
    """Return height and width of an exported model's input.

    Raises:
        EdgekitError: The file is missing, is no ONNX model, is newer than what boxes run, or its input is not (1,
            height, width, 3) uint8.
    """
    try:
        model = onnx.load(str(file), load_external_data=False)
    except Exception as exc:
        raise EdgekitError(f"{file} cannot be read as an ONNX model: {exc}") from exc
    opset = max((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), default=0)
    if opset > MOST_OPSET or model.ir_version > MOST_IR:
        raise EdgekitError(
            f"{file} is of operator set {opset} and IR {model.ir_version}; boxes run up to {MOST_OPSET} and {MOST_IR}: "
            f"{_REMEDY}"
        )
    graph = model.graph
    shape = [axis.dim_value for axis in graph.input[0].type.tensor_type.shape.dim] if graph.input else []
    kind = graph.input[0].type.tensor_type.elem_type if graph.input else 0
    match shape:
        case [1, int(height), int(width), 3] if kind == onnx.TensorProto.UINT8 and min(height, width) > 0:
            return height, width
        case _:
            raise EdgekitError(f"the input of {file} is not (1, height, width, 3) uint8: {_REMEDY}")
