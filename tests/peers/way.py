"""What one way to run the network is, and what all ways have in common."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
NMS_IOU = 0.6


@dataclass(frozen=True, slots=True)
class Plan:
    """What all ways have in common.

    Attributes:
        weights: The checkpoint that all files were exported from.
        ours: The file that edgekit runs (uint8 NHWC): .onnx, or .xml of INT8.
        openvino: Folder of ultralytics' OpenVINO export.
        onnx: Its ONNX export (float NCHW).
        classes: Names, in the order of their ids.
        clip: H.264.
        data: A set, for accuracy on its part val.
        height: Rows of our file's input.
        width: Columns.
        peer_px: Side of the peers' square input.
        hint: In what OpenVINO computes floats.
        requests: Of ours, at full speed.
    """

    weights: Path
    ours: Path
    openvino: Path
    onnx: Path
    classes: tuple[str, ...]
    clip: Path
    data: Path
    height: int
    width: int
    peer_px: int
    hint: str
    requests: int


class Way(Protocol):
    """One way to run the network."""

    def find(self, image: Image) -> Any:
        """Return edgekit's Detections in a picture (H, W, 3) uint8 BGR."""
        ...

    def play(self, clip: Path) -> Iterator[None]:
        """Go through a clip from its file on, and yield after each frame."""
        ...
