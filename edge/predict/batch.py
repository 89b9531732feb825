"""Many pictures through one predictor, in order, as many at the same time as its engines take."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.picture import read_picture
from edge.predict.pictures import PictureFile
from edge.predict.prediction import Prediction, UnreadPicture
from edge.predict.predictor import Predictor


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """A picture that was looked at.

    Attributes:
        file: The picture.
        said: What is said of it, or why nothing is.
        image: (H, W, 3) uint8 BGR, None where it cannot be read.
    """

    file: PictureFile
    said: Prediction | UnreadPicture
    image: NDArray[np.uint8] | None


def predict_file(predictor: Predictor, file: PictureFile) -> Predicted:
    """Return what a picture shows; one that cannot be read is no failure of all others."""
    name = _as_text(str(file.path))
    try:
        image = read_picture(file.path)
        return Predicted(file, predictor.predict(image, name), image)
    except EdgekitError as exc:
        return Predicted(file, UnreadPicture(picture=name, error=_as_text(str(exc))), None)


def predict_files(predictor: Predictor, files: Sequence[PictureFile], at_once: int) -> Iterator[Predicted]:
    """Yield what each picture shows, in order; no more than twice `at_once` are held in memory."""
    waiting: deque[Future[Predicted]] = deque()
    with ThreadPoolExecutor(at_once, thread_name_prefix="predict") as pool:
        try:
            for file in files:
                waiting.append(pool.submit(predict_file, predictor, file))
                if len(waiting) >= 2 * at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _as_text(name: str) -> str:
    """Return a name that JSON can hold; Linux lets a file's name be any bytes."""
    return name.encode(errors="surrogateescape").decode(errors="replace")
