"""Pictures from bytes, for whoever has to say which one cannot be read."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError


def decode_picture(content: bytes, name: str) -> NDArray[np.uint8]:
    """Return a coded picture as (H, W, 3) uint8 BGR.

    Raises:
        EdgekitError: The bytes are no picture, or one too large for OpenCV.
    """
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as exc:
        raise EdgekitError(f"{name} cannot be read as a picture: {exc.err}") from exc
    if picture is None:
        raise EdgekitError(f"{name} cannot be read as a picture")
    return np.asarray(picture, np.uint8)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture file as (H, W, 3) uint8 BGR.

    Raises:
        EdgekitError: The file cannot be read, or is no picture.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise EdgekitError(f"{path} cannot be read: {exc.strerror}") from exc
    return decode_picture(content, str(path))
