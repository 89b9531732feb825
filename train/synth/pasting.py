"""Pasting a cut-out into a scene: scaled, turned, lit like its surroundings, its edge blended, its outline known."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synth.arrays import Image, blurred, clipped
from train.synth.cut_outs import CutOut
from train.synth.outlines import Outline

_INSIDE = 127  # of 255: from here on a pixel counts as the thing's
_MOST_ENLARGED = 2.0  # beyond that a thing looks like no camera's picture
_TOLERANCE_PX = 0.7  # that an outline may be off for having fewer corners


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A cut-out as it will lie in the picture: image (H, W, 3), cover (H, W) with soft edges."""

    image: Image
    cover: Image

    @property
    def solid(self) -> NDArray[np.bool_]:
        """Where it hides what is behind it."""
        return self.cover > _INSIDE


def prepared(cut: CutOut, longer_px: float, turn: float) -> Prepared:
    """Return a cut-out scaled so that its longer side has `longer_px` pixels, and turned by `turn` radians.

    It is made at most twice as large as it was taken.
    """
    height, width = cut.cover.shape
    scale = min(longer_px / max(height, width), _MOST_ENLARGED)
    if scale < 1:
        # Warping takes four pixels for one, so what shrinks is averaged first.
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(cut.image, size, interpolation=cv2.INTER_AREA)
        cover = cv2.resize(cut.cover, size, interpolation=cv2.INTER_AREA)
        scale = 1.0
    else:
        image, cover = cut.image, cut.cover
    height, width = cover.shape
    cosine, sine = math.cos(turn) * scale, math.sin(turn) * scale
    across = math.ceil(width * abs(cosine) + height * abs(sine)) + 4
    down = math.ceil(width * abs(sine) + height * abs(cosine)) + 4
    linear = np.array([[cosine, -sine], [sine, cosine]])
    shift = np.array([across, down]) / 2 - linear @ np.array([width / 2, height / 2])
    matrix = np.column_stack([linear, shift + linear @ np.array([0.5, 0.5]) - 0.5])
    turned = cv2.warpAffine(image, matrix, (across, down), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    laid = cv2.warpAffine(cover, matrix, (across, down), flags=cv2.INTER_LINEAR)
    soft = blurred(np.asarray(laid, np.uint8), 0.7)
    # Drawn in by half of the blur, so that no rim of the old background shines at the edge.
    drawn_in = np.clip((soft.astype(np.float32) - 64) * (255 / 191), 0, 255).astype(np.uint8)
    return Prepared(np.asarray(turned, np.uint8), drawn_in)


def lit(rng: np.random.Generator, thing: Prepared, behind: Image) -> Prepared:
    """Return a thing in the light of where it will lie.

    Its mean brightness goes half of the way to that of its surroundings, within a factor of two, and a fifth of the
    way to their colour: a dark product stays darker than a bright one.
    """
    solid = thing.solid
    own = thing.image[solid].reshape(-1, 3).mean(axis=0) + 8.0
    around = behind.reshape(-1, 3).mean(axis=0) + 8.0
    level = float(np.clip((around.mean() / own.mean()) ** rng.uniform(0.35, 0.65), 0.5, 2.0))
    cast = (around / around.mean() / (own / own.mean())) ** 0.2
    return Prepared(clipped(thing.image * np.asarray(level * cast, np.float32)), thing.cover)


def paste(canvas: Image, thing: Prepared, left: int, top: int) -> None:
    """Blend a thing into a picture (H, W, 3) that holds it wholly, in place."""
    height, width = thing.cover.shape
    part = canvas[top : top + height, left : left + width]
    share = thing.cover.astype(np.float32)[..., None] / 255
    part[:] = clipped(part * (1 - share) + thing.image * share + 0.5)


def outline_of(thing: Prepared, left: int, top: int) -> Outline:
    """Return the outline of a pasted thing's largest piece, pixels of the picture."""
    finer = np.kron(thing.solid, np.ones((4, 4), np.bool_)).astype(np.uint8)
    contours = cv2.findContours(finer, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    largest = max(contours, key=cv2.contourArea)
    corners = np.asarray(cv2.approxPolyDP(largest, _TOLERANCE_PX * 4, closed=True)).reshape(-1, 2)
    return tuple((float(x + 0.5) / 4 + left, float(y + 0.5) / 4 + top) for x, y in corners)


def box_of(thing: Prepared, left: int, top: int) -> tuple[float, float, float, float]:
    """Return the box of a pasted thing, pixels of the picture."""
    rows, columns = np.flatnonzero(thing.solid.any(1)), np.flatnonzero(thing.solid.any(0))
    return (
        float(left + columns[0]),
        float(top + rows[0]),
        float(left + columns[-1] + 1),
        float(top + rows[-1] + 1),
    )
