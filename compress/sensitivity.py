"""How much each layer's INT8 alone moves what a detector says: the order in which layers go back to float."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from compress.onnx_int8 import OnnxQuantizer
from compress.scorer import detector_of
from edge.model.choice import Choice
from edge.model.detections import Detections, iou_matrix
from edge.model.export_record import ExportRecord
from edge.model.geometry import Letterbox
from edge.model.manifest import Part

_WAY = Choice("onnxruntime", "int8")
_LEAST_SCORE = 0.05  # what is weaker says more of noise than of the layer


class LayerSensitivity(Part):
    """What one layer's INT8 does while all others are in float."""

    layer: str
    moved: float = Field(ge=0, description="mean over detections, by their scores: overlap lost and change of score")


def sensitivities(
    quantizer: OnnxQuantizer,
    model: Path,
    record: ExportRecord,
    tensors: Sequence[NDArray[np.uint8]],
    advance: Callable[[], None] = lambda: None,
) -> tuple[LayerSensitivity, ...]:
    """Return the layers of a detector, those that INT8 moves most first.

    Layers keep their names in OpenVINO, which computes the same graph: one order serves both engines.

    Args:
        quantizer: Of the model.
        model: The float ONNX file.
        record: Of its export.
        tensors: Inputs to look at, each as the model takes it; a handful will do.
        advance: Called after each layer.
    """

    def says(file: Path) -> list[Detections]:
        detector = detector_of(record, file, _WAY, _LEAST_SCORE)
        whole = Letterbox.fit(record.input.width, record.input.height, record.input.width, record.input.height)
        return [detector.decode(detector.infer(tensor), whole) for tensor in tensors]

    expected = says(model)
    found: list[LayerSensitivity] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.onnx"
        for layer in quantizer.layers:
            quantizer.write_only(file, layer)
            found.append(LayerSensitivity(layer=layer, moved=round(movement(expected, says(file)), 6)))
            advance()
    return tuple(sorted(found, key=lambda one: -one.moved))


def movement(before: Sequence[Detections], after: Sequence[Detections]) -> float:
    """Return how far detections were moved, 0 where they are the same and 2 where they are gone.

    Each detection is held against the one of its class that is most like it: overlap lost plus change of score,
    weighted by its score.

    Args:
        before: Picture by picture.
        after: The same pictures.
    """
    moved, weight = 0.0, 0.0
    for first, second in zip(before, after, strict=True):
        apart = 1 - iou_matrix(first.xyxy, second.xyxy) + np.abs(first.score[:, None] - second.score)
        apart = np.where(first.class_id[:, None] == second.class_id, apart, np.inf)
        nearest = np.minimum(apart.min(axis=1, initial=np.inf), 2.0)
        moved += float((nearest * first.score).sum())
        weight += float(first.score.sum())
    return moved / weight if weight else 0.0
