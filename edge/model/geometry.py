"""Letterbox and its exact inverse: the only place where frame pixels become input pixels and back."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

PADDING = 114  # the grey that YOLO detectors are trained with


class Picture(Protocol):
    """What can be laid into an input, whatever form its pixels have."""

    @property
    def height(self) -> int:
        """Rows, pixels."""
        ...

    @property
    def width(self) -> int:
        """Columns, pixels."""
        ...

    def draw(self, out: NDArray[np.uint8]) -> None:
        """Draw it, scaled, over all of a picture (rows, columns, 3) uint8 BGR."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Bgr:
    """A picture that lies in memory, (H, W, 3) uint8 BGR."""

    image: NDArray[np.uint8]

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return int(self.image.shape[1])

    def draw(self, out: NDArray[np.uint8]) -> None:
        """Draw it, scaled, over all of a picture (rows, columns, 3) uint8 BGR."""
        scale(self.image, out)


def scale(image: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Scale a picture (H, W, 3), or a plane of one (H, W), over all of another, as pictures are scaled in training."""
    cv2.resize(image, (out.shape[1], out.shape[0]), dst=out, interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a frame lies in the model's input: scaled without distortion, in the middle, grey around it.

    Attributes:
        frame_width: Pixels.
        frame_height: Pixels.
        scale: Input pixels a frame pixel.
        left: Grey columns before the picture.
        top: Grey rows above the picture.
        width: Columns of the scaled picture.
        height: Rows of the scaled picture.
        input_width: Pixels.
        input_height: Pixels.
    """

    frame_width: int
    frame_height: int
    scale: float
    left: int
    top: int
    width: int
    height: int
    input_width: int
    input_height: int

    @classmethod
    def fit(cls, frame_width: int, frame_height: int, input_width: int, input_height: int) -> "Letterbox":
        """Fit a frame into an input, both in pixels."""
        scale = min(input_width / frame_width, input_height / frame_height)
        width = min(input_width, max(1, round(frame_width * scale)))
        height = min(input_height, max(1, round(frame_height * scale)))
        return cls(
            frame_width,
            frame_height,
            scale,
            (input_width - width) // 2,
            (input_height - height) // 2,
            width,
            height,
            input_width,
            input_height,
        )

    def draw(self, picture: Picture, out: NDArray[np.uint8]) -> None:
        """Scale a frame into an input.

        Args:
            picture: The frame.
            out: (input_height, input_width, 3) uint8, overwritten whole.
        """
        out[: self.top] = PADDING
        out[self.top + self.height :] = PADDING
        out[self.top : self.top + self.height, : self.left] = PADDING
        out[self.top : self.top + self.height, self.left + self.width :] = PADDING
        picture.draw(out[self.top : self.top + self.height, self.left : self.left + self.width])

    def to_frame(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return boxes (N, 4) in input pixels as boxes in frame pixels, clipped to the frame."""
        across = self.frame_width / self.width
        down = self.frame_height / self.height
        boxes = (xyxy - np.array([self.left, self.top] * 2, np.float32)) * np.array([across, down] * 2, np.float32)
        boxes[:, 0::2] = boxes[:, 0::2].clip(0, self.frame_width)
        boxes[:, 1::2] = boxes[:, 1::2].clip(0, self.frame_height)
        return boxes

    def to_input(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return boxes (N, 4) in frame pixels as boxes in input pixels; the inverse of `to_frame` inside the frame."""
        across = self.width / self.frame_width
        down = self.height / self.frame_height
        scaled = xyxy * np.array([across, down] * 2, np.float32)
        return (scaled + np.array([self.left, self.top] * 2, np.float32)).astype(np.float32)
