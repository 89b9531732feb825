"""The pictures whose activations set the INT8 scales: drawn from the user's own training pictures, and recorded."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from edge.model.geometry import Letterbox
from edge.model.picture import read_picture


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """Pictures for calibration.

    Attributes:
        pictures: The files.
        digest: sha256 over their names and contents, in order.
    """

    pictures: tuple[Path, ...]
    digest: str

    def tensors(self, height: int, width: int) -> Iterator[NDArray[np.uint8]]:
        """Yield each picture as the runtime would give it to the model: (1, height, width, 3) uint8 BGR.

        Raises:
            EdgekitError: A picture cannot be read.
        """
        for path in self.pictures:
            picture = read_picture(path)
            tensor = np.empty((1, height, width, 3), np.uint8)
            Letterbox.fit(picture.shape[1], picture.shape[0], width, height).draw(picture, tensor[0])
            yield tensor


def draw_calibration(sets: Sequence[DetectionSet], count: int, seed: int) -> CalibrationSet:
    """Draw training pictures, as many from each set, so that no class is left out because its set is small.

    Raises:
        EdgekitError: The sets hold no training picture.
    """
    drawn = random.Random(seed)  # noqa: S311 - a draw of pictures, repeatable on purpose
    chosen: list[Path] = []
    for number, opened in enumerate(sets):
        pictures = opened.pictures("train")
        share = count // len(sets) + (number < count % len(sets))
        chosen += drawn.sample(pictures, min(share, len(pictures)))
    if not chosen:
        raise EdgekitError("the sets hold no picture in images/train: calibration needs the pictures of the training")
    total = hashlib.sha256()
    for path in chosen:
        total.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return CalibrationSet(tuple(chosen), total.hexdigest())
