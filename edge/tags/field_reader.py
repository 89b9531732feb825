"""Reads printed fields by OCR (extra `[ocr]`); its models lie in the wheel, so nothing is fetched."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.tags.fields import normalised

# Below these a text is not told. A name's is higher: it is long, and its score is the mean over its signs.
LEAST_SCORES = {"name": 0.97, "brand": 0.9, "price": 0.9, "batch": 0.97, "date": 0.9}
_MARGIN_SHARES = (0.08, 0.25)  # of the region's height


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
        """Return what a field says, None where it cannot be read surely.

        It is looked at twice, with more and with less around it, and both looks must say the same: a sign that is cut
        off at one edge is missing from the one and not from the other, and its lack costs no score.

        Args:
            image: (H, W, 3) uint8 BGR.
            field: One of `FIELDS`.
            xyxy: (4,) the field's box, pixels of the image.
        """
        looks = [self._look(image, field, xyxy, margin) for margin in _MARGIN_SHARES]
        values = {look.value if look is not None else None for look in looks}
        if len(values) != 1 or None in values:
            return None
        return min((look for look in looks if look is not None), key=_score)

    def _look(
        self, image: NDArray[np.uint8], field: str, xyxy: NDArray[np.float32], margin_share: float
    ) -> FieldRead | None:
        left, top, right, bottom = (float(edge) for edge in xyxy)
        room = margin_share * (bottom - top)
        rows = slice(max(0, int(top - room)), max(0, int(bottom + room) + 1))
        columns = slice(max(0, int(left - room)), max(0, int(right + room) + 1))
        piece = image[rows, columns]
        if not piece.size:
            return None
        found: Any = self._engine(piece, use_det=False, use_cls=False, use_rec=True)
        if not found.txts or found.scores[0] < LEAST_SCORES[field]:
            return None
        value = normalised(field, found.txts[0])
        return None if value is None else FieldRead(field, value, round(float(found.scores[0]), 4))


def _score(read: FieldRead) -> float:
    return read.score
