"""Whether an exported file says what its checkpoint says: the same pictures through PyTorch and through each engine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from compress.refusal import RefusedError
from compress.scorer import NMS_IOU, detector_of
from compress.sensitivity import movement
from edge.model.choice import Choice
from edge.model.decode import Decoder
from edge.model.detections import Detections
from edge.model.detector import Detector
from edge.model.engine import Outputs
from edge.model.export_record import ExportRecord
from edge.model.geometry import PADDING, Bgr
from edge.model.picture import read_picture
from train import yolo_models as yolo

TOLERANCE = 0.005  # mean of overlap lost and change of score: what the order of sums alone can do stays far below
_SCORE = 0.1


def check_parity(
    checkpoint: Path, file: Path, record: ExportRecord, pictures: Sequence[Path], *, margin: int = 0
) -> dict[str, float]:
    """Return by engine how far what an exported float file finds is from what its checkpoint finds.

    Args:
        checkpoint: That was exported.
        file: The ONNX file.
        record: Of the export.
        pictures: To look at.
        margin: Pixels of grey that the exported graph puts around a picture.

    Raises:
        EdgekitError: A picture cannot be read.
        RefusedError: It is further than `TOLERANCE`.
    """
    model: Any = yolo.load(checkpoint).model.float().eval()
    top_k = record.head.startswith("yolo-topk")
    model.model[-1].end2end = top_k
    decoder = Decoder(record.head, len(record.classes), _SCORE, NMS_IOU)
    apart: dict[str, float] = {}
    for engine in ("openvino", "onnxruntime"):
        detector = detector_of(record, file, Choice(engine, "fp32"), _SCORE)
        pairs = [_both(detector, decoder, model, read_picture(path), margin, top_k=top_k) for path in pictures]
        apart[engine] = round(movement([first for first, _ in pairs], [second for _, second in pairs]), 6)
    worst = max(apart, key=lambda engine: apart[engine])
    if apart[worst] > TOLERANCE:
        raise RefusedError(
            f"{file} on {worst} finds something else than {checkpoint}: overlap and score are off by "
            f"{apart[worst]:.4f} in the mean, {TOLERANCE} are allowed; the export of this model cannot be trusted"
        )
    return apart


def _both(
    detector: Detector, decoder: Decoder, model: Any, image: NDArray[np.uint8], margin: int, *, top_k: bool
) -> tuple[Detections, Detections]:
    tensor, letterbox = detector.prepare(Bgr(image))
    by_torch = decoder.decode(_by_torch(model, tensor, margin, top_k=top_k), letterbox)
    return by_torch, detector.decode(detector.infer(tensor), letterbox)


def _by_torch(model: Any, tensor: NDArray[np.uint8], margin: int, *, top_k: bool) -> Outputs:
    """Return the predictions, and the prototypes of a model with masks, as an export tells them."""
    sides = (margin, margin)
    padded = np.pad(tensor, ((0, 0), sides, sides, (0, 0)), constant_values=PADDING)
    rgb = np.ascontiguousarray(padded[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32) / 255
    with torch.no_grad():
        decoded = model(torch.from_numpy(rgb))[0]
    predictions, *prototypes = [part.numpy().copy() for part in (decoded if isinstance(decoded, tuple) else (decoded,))]
    if top_k:
        predictions[:, :, :4] -= margin
    else:
        predictions[:, :2] -= margin
    inner = [
        each[:, :, margin // 4 : each.shape[2] - margin // 4, margin // 4 : each.shape[3] - margin // 4]
        for each in prototypes
    ]
    return (predictions, *inner)
