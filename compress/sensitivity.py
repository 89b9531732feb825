"""How much each layer's INT8 alone moves what a model says: the order in which layers go back to float."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from compress.onnx_int8 import OnnxQuantizer
from compress.scorer import detector_of, engine_of
from edge.model.choice import Choice
from edge.model.detections import Detections, iou_matrix
from edge.model.export_record import ClassifierExportRecord, ExportRecord
from edge.model.geometry import Letterbox
from edge.model.manifest import Part

_WAY = Choice("onnxruntime", "int8")
_LEAST_SCORE = 0.05  # what is weaker says more of noise than of the layer


class LayerSensitivity(Part):
    """What one layer's INT8 does while all others are in float."""

    layer: str
    moved: float = Field(
        ge=0,
        description="mean over detections, by their scores: overlap lost and change of score; of a classifier: "
        "mean over pictures of all changes of scores",
    )


def sensitivities(
    quantizer: OnnxQuantizer,
    model: Path,
    record: ExportRecord | ClassifierExportRecord,
    tensors: Sequence[NDArray[np.uint8]],
    advance: Callable[[], None] = lambda: None,
) -> tuple[LayerSensitivity, ...]:
    """Return the layers of a detector or a classifier, those that INT8 moves most first.

    Layers keep their names in OpenVINO, which computes the same graph: one order serves both engines.

    Args:
        quantizer: Of the model.
        model: The float ONNX file.
        record: Of its export.
        tensors: Inputs to look at, each as the model takes it; a handful will do.
        advance: Called after each layer.
    """
    said = _Detections(model, record, tensors) if isinstance(record, ExportRecord) else _Scores(model, record, tensors)
    found: list[LayerSensitivity] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.onnx"
        for layer in quantizer.layers:
            quantizer.write_only(file, layer)
            found.append(LayerSensitivity(layer=layer, moved=round(said.moved_by(file), 6)))
            advance()
    return tuple(sorted(found, key=lambda one: -one.moved))


class _Detections:
    """What a detector says of a handful of inputs."""

    def __init__(self, model: Path, record: ExportRecord, tensors: Sequence[NDArray[np.uint8]]) -> None:
        self._record = record
        self._tensors = tensors
        self._expected = self._says(model)

    def moved_by(self, file: Path) -> float:
        """Return how far another file is from the model."""
        return movement(self._expected, self._says(file))

    def _says(self, file: Path) -> list[Detections]:
        detector = detector_of(self._record, file, _WAY, _LEAST_SCORE)
        height, width = self._record.input.height, self._record.input.width
        whole = Letterbox.fit(width, height, width, height)
        return [detector.decode(detector.infer(tensor), whole) for tensor in self._tensors]


class _Scores:
    """What a classifier says of a handful of inputs."""

    def __init__(self, model: Path, record: ClassifierExportRecord, tensors: Sequence[NDArray[np.uint8]]) -> None:
        self._record = record
        self._tensors = tensors
        self._expected = self._says(model)

    def moved_by(self, file: Path) -> float:
        """Return how far another file is from the model."""
        return float(np.abs(self._says(file) - self._expected).sum(axis=1).mean())

    def _says(self, file: Path) -> NDArray[np.float32]:
        engine = engine_of(self._record, file, _WAY)
        rows = np.concatenate([engine.infer(tensor)[0] for tensor in self._tensors])
        return rows[:, : rows.shape[1] - self._record.embedding]


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
