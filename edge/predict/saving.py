"""Predictions kept in a folder: one line of JSON a picture, and each picture with what was found drawn into it."""

from pathlib import Path
from types import TracebackType
from typing import final

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.predict.batch import Predicted
from edge.predict.prediction import Prediction
from edge.tags.draw import draw
from edge.tags.parcel import ParcelView

LINES = "predictions.jsonl"
_QUALITY = 90


@final
class Saver:
    """Writes into a folder that exists, from the beginning to the end of a `with`.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines = (folder / LINES).open("w", encoding="utf-8")

    def __enter__(self) -> "Saver":
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the file of lines."""
        self._lines.close()

    def save(self, predicted: Predicted) -> None:
        """Write a picture's line, and the picture where there is one.

        Raises:
            OSError: The disk does not take it.
            EdgekitError: The picture cannot be coded.
        """
        self._lines.write(predicted.said.to_json() + "\n")
        if predicted.image is None or not isinstance(predicted.said, Prediction):
            return
        fits, coded = cv2.imencode(".jpg", drawn(predicted.image, predicted.said), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not fits:
            raise EdgekitError(f"{predicted.file.path} cannot be written as a JPEG")
        target = self._folder / predicted.file.saved_as
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(np.asarray(coded, np.uint8).tobytes())


def drawn(image: NDArray[np.uint8], said: Prediction) -> NDArray[np.uint8]:
    """Return a copy of a picture (H, W, 3) uint8 BGR with boxes, tags and codes drawn in."""
    height, width = image.shape[:2]
    things = [
        ParcelView(number, one.label, one.xyxy, (one.label, *(tag.value for tag in one.tags)), None)
        for number, one in enumerate(said.objects, 1)
    ]
    whole = (*(tag.value for tag in said.tags), *(code.text for code in said.codes))
    if whole:
        things.append(ParcelView(0, "", (0.0, 0.0, float(width - 1), float(height - 1)), whole, None))
    return draw(image, things, (), ())
