"""One thing labelled differently on different pictures, found by comparing what the labels enclose."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.evaluate.labels import Label
from train.check.findings import Finding
from train.check.likeness import unit
from train.check.limits import CheckLimits

SIDE = 24
LEAST_PX = 8  # smaller ones show nothing that could be told apart
_LEAST_SPREAD = 8.0  # grey levels: plain surfaces are all alike
_SHAPE = 0.25  # difference of the logarithms of width over height
_COLOUR = 20.0  # of 255, in each of L, a and b
_REMEDY = "give the same thing the same class; nobody but you knows which is right, so --fix leaves it"


@dataclass(frozen=True, slots=True)
class CutOut:
    """What a label encloses.

    Attributes:
        class_id: What it is labelled as.
        thumb: (SIDE, SIDE) float32, zero mean and unit length; zeros where too little can be seen.
        shape: Logarithm of width over height.
        colour: (3,) float32, mean in Lab.
    """

    class_id: int
    thumb: NDArray[np.float32]
    shape: float
    colour: NDArray[np.float32]


def cut_out(picture: NDArray[np.uint8], label: Label) -> CutOut:
    """Cut a label's box out of its picture (H, W, 3) uint8 BGR."""
    height, width = picture.shape[:2]
    x, y, w, h = label.cxcywh
    left, right = (round(min(max(edge, 0.0), 1.0) * width) for edge in (x - w / 2, x + w / 2))
    top, bottom = (round(min(max(edge, 0.0), 1.0) * height) for edge in (y - h / 2, y + h / 2))
    part = picture[top:bottom, left:right]
    nothing = CutOut(label.class_id, np.zeros((SIDE, SIDE), np.float32), 0.0, np.zeros(3, np.float32))
    if min(part.shape[:2]) < LEAST_PX:
        return nothing
    small = np.asarray(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)
    if grey.std() < _LEAST_SPREAD:
        return nothing
    colour = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2LAB), np.float32).reshape(-1, 3).mean(axis=0)
    return CutOut(label.class_id, unit(grey[None])[0], float(np.log((right - left) / (bottom - top))), colour)


def naming_findings(
    cutouts: Sequence[tuple[str, CutOut]], classes: Sequence[str], limits: CheckLimits
) -> Iterator[Finding]:
    """Yield things that look the same and have different classes.

    Args:
        cutouts: Each with its picture's name.
        classes: Names by id.
        limits: How alike.
    """
    by_class: dict[int, list[tuple[str, CutOut]]] = {}
    for name, cut in cutouts:
        if cut.thumb.any():
            by_class.setdefault(cut.class_id, []).append((name, cut))
    for first in sorted(by_class):
        for second in sorted(by_class):
            if first < second:
                yield from _between(by_class[first], by_class[second], classes, limits)


def _between(
    first: Sequence[tuple[str, CutOut]],
    second: Sequence[tuple[str, CutOut]],
    classes: Sequence[str],
    limits: CheckLimits,
) -> Iterator[Finding]:
    (thumbs, shapes, colours), (other_thumbs, other_shapes, other_colours) = _columns(first), _columns(second)
    for row, (name, cut) in enumerate(first):
        likeness = other_thumbs @ thumbs[row]
        fits = (
            (likeness >= limits.same_label)
            & (np.abs(other_shapes - shapes[row]) < _SHAPE)
            & (np.abs(other_colours - colours[row]).max(axis=1) < _COLOUR)
        )
        for column in np.flatnonzero(fits).tolist():
            other_name, other = second[column]
            detail = (
                f"{classes[cut.class_id]} in one, {classes[other.class_id]} in the other, "
                f"though they look the same (correlation {likeness[column]:.2f})"
            )
            yield Finding("labelled-differently", (name, other_name), detail, _REMEDY)


def _columns(
    cutouts: Sequence[tuple[str, CutOut]],
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float32]]:
    return (
        np.stack([cut.thumb.ravel() for _, cut in cutouts]),
        np.array([cut.shape for _, cut in cutouts]),
        np.stack([cut.colour for _, cut in cutouts]),
    )
