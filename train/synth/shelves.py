"""Shelves with packs and price labels, seen from the front: every region and every text in them is known exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from train.synth.arrays import Floats, Image, blurred, clipped, smooth_noise
from train.synth.settings import SHELF_CLASSES, ShelvesConfig
from train.synth.shelf_wall import FINER, Region, Wall, build_wall
from train.synth.stage import LabelledBox
from train.synth.writing import Picture, SetPlan, write_set

_LEAST_SEEN = 0.6  # share of a region inside the picture below which it is not labelled
_LEAST_PX = 5.0  # of a region's shorter side; smaller ones nobody could mark by hand


@dataclass(frozen=True, slots=True, eq=False)
class ShelfPicture:
    """A picture (H, W, 3) uint8 BGR, its regions, and the JPEG quality it is to be stored with."""

    image: Image
    regions: tuple[Region, ...]
    jpeg_quality: int

    def labelled(self, classes: Sequence[str] = SHELF_CLASSES) -> Picture:
        """Return the picture as it is written into a set of these classes."""
        boxes = tuple(
            LabelledBox(
                classes.index(region.kind),
                region.box(),
                region.article,
                tuple((float(x), float(y)) for x, y in region.outline),
                region.text,
            )
            for region in self.regions
        )
        return Picture(self.image, boxes, self.jpeg_quality)


def render_shelf(config: ShelvesConfig, index: int) -> ShelfPicture:
    """Render one picture; it depends on the seed and its index alone, not on the pictures before it."""
    rng = np.random.default_rng([config.seed, index])
    wall = build_wall(rng, rng.uniform(*config.view_cm), (config.width_px, config.height_px), dated=config.dated)
    return _photograph(rng, config, wall)


def write_shelves(
    folder: Path,
    config: ShelvesConfig,
    *,
    outlines: bool = False,
    force: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Render a set of pictures of shelves; see `write_set`."""
    plan = SetPlan.rendered("shelves", config, config.classes, outlines=outlines)

    def render(index: int) -> Picture:
        return render_shelf(config, index).labelled(config.classes)

    return write_set(folder, plan, render, force=force, advance=advance)


def _photograph(rng: np.random.Generator, config: ShelvesConfig, wall: Wall) -> ShelfPicture:
    """See the wall through a camera that stands a little askew, in some light, with blur and noise."""
    height, width = config.height_px, config.width_px
    canvas_h, canvas_w = wall.canvas.shape[:2]
    inner = np.array([width, height]) * FINER
    margin = (np.array([canvas_w, canvas_h]) - inner) / 2
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    seen = target * FINER + margin + rng.uniform(-config.tilt, config.tilt, (4, 2)) * inner
    matrix = np.asarray(cv2.getPerspectiveTransform(seen.astype(np.float32), target.astype(np.float32)), np.float64)
    image = np.asarray(
        cv2.warpPerspective(
            wall.canvas, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )
    regions = [seen_region for region in wall.regions if (seen_region := _seen(region, matrix, width, height))]
    return ShelfPicture(_lit(rng, image), tuple(regions), int(rng.integers(55, 97)))


def _lit(rng: np.random.Generator, image: Image) -> Image:
    height, width = image.shape[:2]
    light = rng.uniform(0.55, 1.05) * (1 + 0.06 * smooth_noise(rng, height, width, width / 3))
    tint = rng.uniform(0.92, 1.06, 3).astype(np.float32)
    lit = blurred(clipped(image * light[..., None] * tint), max(0.35, rng.normal(0.6, 0.3)))
    noise = rng.standard_normal((height, width, 1)).astype(np.float32) * rng.uniform(0.5, 6)
    return clipped(lit + noise + rng.uniform(-8, 8))


def _seen(region: Region, matrix: Floats, width: int, height: int) -> Region | None:
    """Return a region as the picture shows it, cut at its edges; None where too little of it is left to label."""
    points = np.column_stack([region.outline, np.ones(len(region.outline))]) @ matrix.T
    outline = points[:, :2] / points[:, 2:]
    inside = np.clip(outline, 0, (width, height))
    whole, left = _area(outline), _area(inside)
    extent = inside.max(axis=0) - inside.min(axis=0)
    if whole <= 0 or left / whole < _LEAST_SEEN or extent.min() < _LEAST_PX:
        return None
    return Region(region.kind, region.text, inside, region.article)


def _area(outline: Floats) -> float:
    x, y = outline[:, 0], outline[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
