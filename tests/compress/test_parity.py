"""An export is held against its own checkpoint on both engines, margin and all; another one's is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from compress.parity import TOLERANCE, check_parity
from compress.refusal import RefusedError
from edge.model.export_record import ExportRecord
from edge.model.manifest import Input, WeightsEntry
from train import yolo_models as yolo
from train.export import export_onnx

PX, MARGIN = 64, 16


def test_an_export_says_what_its_checkpoint_says_and_another_ones_is_refused(
    random_checkpoint: Callable[[str], Path], tmp_path: Path
):
    model: Any = yolo.load(random_checkpoint("yolov8n")).model.float()
    for branch in model.model[-1].cv3:
        branch[-1].bias.data[:] = 0  # sure enough of everything to be told
    checkpoint, file = tmp_path / "sure.pt", tmp_path / "sure.onnx"
    yolo.save_checkpoint(model, {}, checkpoint)
    head = export_onnx(checkpoint, file, height=PX, width=PX, margin=MARGIN).head
    record = ExportRecord(
        licence="AGPL-3.0-only",
        classes=("carton", "barcode", "qr"),
        input=Input(height=PX, width=PX),
        head=head,
        data=(),
        weights=WeightsEntry(name="random", licence="CC0-1.0", source="a test"),
        recipe="a test",
    )
    picture = tmp_path / "noise.png"
    cv2.imwrite(str(picture), np.random.default_rng(0).integers(0, 255, (48, 80, 3), dtype=np.uint8))
    apart = check_parity(checkpoint, file, record, [picture], margin=MARGIN)
    assert set(apart) == {"openvino", "onnxruntime"}
    assert max(apart.values()) <= TOLERANCE
    for branch in model.model[-1].cv3:
        branch[-1].bias.data[:] = 1
    yolo.save_checkpoint(model, {}, tmp_path / "other.pt")
    with pytest.raises(RefusedError, match=r"finds something else than .*other.pt"):
        check_parity(tmp_path / "other.pt", file, record, [picture], margin=MARGIN)
