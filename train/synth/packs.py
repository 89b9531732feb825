"""Packs on a shelf: boxes, tins, bottles and bags with print of their own, seen from the front."""

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
import numpy.typing as npt

from train.synth.arrays import Floats, Image, clipped, fill_polygon, smooth_noise
from train.synth.goods import Article
from train.synth.price_labels import Field
from train.synth.stamps import print_stamp, random_stamp
from train.synth.surfaces import any_colour
from train.synth.typography import ink_onto, random_typeface, set_line


class Shape(str, Enum):
    """Outlines that packs have."""

    BOX = "box"
    TIN = "tin"
    BOTTLE = "bottle"
    BAG = "bag"


_OUTLINES: dict[Shape, tuple[tuple[float, float], ...]] = {
    Shape.BOX: ((0, 0), (1, 0), (1, 1), (0, 1)),
    Shape.TIN: ((0.03, 0), (0.97, 0), (1, 0.04), (1, 0.96), (0.97, 1), (0.03, 1), (0, 0.96), (0, 0.04)),
    Shape.BOTTLE: (
        (0.36, 0),
        (0.64, 0),
        (0.64, 0.2),
        (1, 0.38),
        (1, 0.98),
        (0.97, 1),
        (0.03, 1),
        (0, 0.98),
        (0, 0.38),
        (0.36, 0.2),
    ),
    Shape.BAG: ((0.04, 0), (0.96, 0), (0.99, 0.1), (1, 0.55), (0.96, 1), (0.04, 1), (0, 0.55), (0.01, 0.1)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """A pack seen from the front.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        cover: (H, W) uint8, 255 where the pack is.
        outline: (N, 2), its corners in pixels.
        fields: What is stamped on it, in its own pixels; print that the maker put there is none.
    """

    image: Image
    cover: Image
    outline: Floats
    fields: tuple[Field, ...] = ()


def draw_pack(
    rng: np.random.Generator, article: Article, width_px: int, height_px: int, *, dated: bool = False
) -> Pack:
    """Draw the pack of an article; the same generator state gives the same pack, stamped with a date or not."""
    shape = tuple(Shape)[int(rng.choice(4, p=[0.45, 0.2, 0.2, 0.15]))]
    image = _ground(rng, width_px, height_px)
    _art(rng, image)
    _print(rng, image, article)
    fields: tuple[Field, ...] = ()
    if dated:
        (stamping,) = rng.spawn(1)  # takes nothing from what else is drawn
        fields = print_stamp(stamping, image, random_stamp(stamping))
    round_ = shape in (Shape.TIN, Shape.BOTTLE)
    across = np.linspace(-1, 1, width_px, dtype=np.float32)
    light = 1 - (0.45 if round_ else 0.08) * np.abs(across) ** 2.5
    if shape is Shape.BAG:
        light = light * (1 + 0.08 * smooth_noise(rng, 1, width_px, width_px / 5)[0])
    image = clipped(image * light[None, :, None])
    outline = np.array(_OUTLINES[shape], np.float64) * (width_px, height_px)
    cover = np.zeros((height_px, width_px), np.uint8)
    if shape is Shape.BOTTLE:
        cv2.fillPoly(cover, [np.round(outline).astype(np.int32)], (255.0,))
    else:
        fill_polygon(cover, outline, 255)
    return Pack(image, cover, outline, fields)


def _ground(rng: np.random.Generator, width: int, height: int) -> Image:
    top, bottom = np.array(any_colour(rng, 40, 225)), np.array(any_colour(rng, 40, 225))
    if rng.random() < 0.5:
        bottom = top * rng.uniform(0.7, 1.0)
    share = np.linspace(0, 1, height)[:, None, None]
    ground: npt.NDArray[np.float64] = top * (1 - share) + bottom * share
    return clipped(np.broadcast_to(ground, (height, width, 3)).copy())


def _art(rng: np.random.Generator, image: Image) -> None:
    """Paint a few plain figures, as packs have them."""
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        colour = any_colour(rng, 20, 240)
        x, y = rng.uniform(0.1, 0.9, 2) * (width, height)
        size = rng.uniform(0.12, 0.45, 2) * (width, height)
        if rng.random() < 0.5:
            axes = (max(1, round(size[0])), max(1, round(size[1])))
            cv2.ellipse(image, (round(x), round(y)), axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(image, (0, round(y)), (width, round(y + size[1] * 0.5)), colour, -1)


def _print(rng: np.random.Generator, image: Image, article: Article) -> None:
    """Print brand and name: like those on the label, but no field, since nobody prices a thing by its pack."""
    height, width = image.shape[:2]
    colour = any_colour(rng, 0, 70) if image.mean() > 120 else any_colour(rng, 190, 250)
    for text, share, y in ((article.brand, 0.09, 0.3), (article.name.split()[0], 0.06, 0.52)):
        ink = set_line(text, random_typeface(rng, bold=True), height * share * rng.uniform(0.7, 1.3))
        if ink.shape[1] > width * 0.9:
            ink = np.asarray(
                cv2.resize(ink, (max(1, int(width * 0.88)), ink.shape[0]), interpolation=cv2.INTER_AREA), np.uint8
            )
        ink_onto(image, ink, ((width - ink.shape[1]) / 2, height * (y + rng.uniform(-0.06, 0.06))), colour)
