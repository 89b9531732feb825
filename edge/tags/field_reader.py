"""Reads printed fields by OCR (extra `[ocr]`); its models lie in the wheel, so nothing is fetched."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.tags.fields import normalised

# Below these a text is not told; a score is the mean over its signs.
LEAST_SCORES = {"name": 0.95, "brand": 0.93, "price": 0.9, "batch": 0.97, "date": 0.95}
_EDGE_PX = 2.0  # what comes nearer to the picture's edge may be cut off by it, and its rest be read as a whole
# How a region is looked at: what is seen around it, as a share of its height, and its width against its own.
_LOOKS = ((0.08, 1.0), (0.25, 1.0), (0.25, 0.85))


@dataclass(frozen=True, slots=True)
class FieldRead:
    """What a field says.

    Attributes:
        field: Which, one of `FIELDS`.
        value: In its one form.
        score: Mean score of its signs, 0 to 1.
    """

    field: str
    value: str
    score: float


class FieldReader:
    """Reads one line of text in a region; its own detector of text is not used, since the region is known.

    Raises:
        EdgekitError: The extra is not installed.
    """

    def __init__(self) -> None:
        try:
            from rapidocr import RapidOCR  # noqa: PLC0415 - an extra that most boxes do not have
        except ImportError as exc:
            raise EdgekitError("reading fields needs the extra [ocr]: pip install 'edgekit[ocr]'") from exc
        parameters: dict[str, Any] = {
            "Global.use_det": False,
            "Global.use_cls": False,
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        }
        self._engine = RapidOCR(params=parameters)

    def read(self, image: NDArray[np.uint8], field: str, xyxy: NDArray[np.float32]) -> FieldRead | None:
        """Return what a field says, None where it cannot be read surely, or the picture's edge may hide a part of it.

        It is looked at with more and with less around it, and narrowed, and all looks must say the same: a sign that is
        cut off at one edge is missing from one of them, which costs no score, and one that is taken for another is
        seldom taken for the same one twice.

        Args:
            image: (H, W, 3) uint8 BGR.
            field: One of `FIELDS`.
            xyxy: (4,) the field's box, pixels of the image.
        """
        height, width = image.shape[:2]
        left, top, right, bottom = (float(edge) for edge in xyxy)
        if min(left, top) < _EDGE_PX or right > width - _EDGE_PX or bottom > height - _EDGE_PX:
            return None
        worst: FieldRead | None = None
        for margin, narrowed in _LOOKS:
            look = self._look(image, field, xyxy, margin, narrowed)
            if look is None or (worst is not None and look.value != worst.value):
                return None
            worst = look if worst is None or look.score < worst.score else worst
        return worst

    def _look(
        self, image: NDArray[np.uint8], field: str, xyxy: NDArray[np.float32], margin_share: float, narrowed: float
    ) -> FieldRead | None:
        left, top, right, bottom = (float(edge) for edge in xyxy)
        room = margin_share * (bottom - top)
        rows = slice(max(0, int(top - room)), max(0, int(bottom + room) + 1))
        columns = slice(max(0, int(left - room)), max(0, int(right + room) + 1))
        piece = image[rows, columns]
        if not piece.size:
            return None
        if narrowed != 1:
            size = (max(1, int(piece.shape[1] * narrowed)), piece.shape[0])
            piece = np.asarray(cv2.resize(piece, size, interpolation=cv2.INTER_AREA), np.uint8)
        found: Any = self._engine(piece, use_det=False, use_cls=False, use_rec=True)
        if not found.txts or found.scores[0] < LEAST_SCORES[field]:
            return None
        value = normalised(field, found.txts[0])
        return None if value is None else FieldRead(field, value, round(float(found.scores[0]), 4))
