"""Noise and blur on training pictures, as weak light and a lens out of focus make them."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_LEAST_BLUR = 0.2  # pixels; less changes nothing


class Disturbance:
    """A step of a dataset's transforms that blurs a picture, then adds noise, each by a random amount up to a bound.

    Args:
        noise: Largest standard deviation of the noise, grey levels of 255.
        blur: Largest standard deviation of the blur, pixels.
    """

    def __init__(self, noise: float, blur: float) -> None:
        self._noise = noise
        self._blur = blur

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Disturb `labels["img"]`, (H, W, 3) uint8; boxes stay what they are."""
        labels["img"] = self.disturbed(labels["img"])
        return labels

    def disturbed(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the picture as it would come from a worse camera."""
        # NumPy's own state, which the trainer seeds, as it does for all other variations.
        sigma = np.random.uniform(0, self._blur)  # noqa: NPY002
        if sigma >= _LEAST_BLUR:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
        deviation = np.random.uniform(0, self._noise)  # noqa: NPY002
        if deviation > 0:
            noise = np.random.normal(0, deviation, image.shape)  # noqa: NPY002
            image = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
        return image
