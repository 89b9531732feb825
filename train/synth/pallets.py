"""Labelled pictures of loaded pallets in aisles: cartons, barcodes and QR codes, their outlines and their texts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from train.sets import CLASSES
from train.synth.aisle import Aisle, aisle_scene
from train.synth.geometry import silhouette
from train.synth.outlines import seen_outline
from train.synth.printed import printed_labels
from train.synth.regions import Unlabelled
from train.synth.settings import PalletsConfig
from train.synth.stage import NOISE_MARGIN, label_boxes, look, photograph
from train.synth.writing import Picture, SetPlan, write_set

LOAD = "pallet"  # the kind of region that is a whole load
_LEAST_SEEN = 0.3  # of a load's outline within the picture
_LEAST_OF_CARTON = 0.15  # of its outline: in a stack seen from above only a strip of a whole front is left to see


def render_pallets(config: PalletsConfig, index: int) -> Picture:
    """Render one picture; it depends on the seed and its index alone, not on the pictures before it."""
    rng = np.random.default_rng([config.seed, index])
    aisle = aisle_scene(rng, (config.width_px, config.height_px), config.above_share)
    noise_at = (int(rng.integers(NOISE_MARGIN)), int(rng.integers(NOISE_MARGIN)))
    image = photograph(aisle.stage, [aisle.boxes], 0.0, noise_at)
    found = label_boxes(aisle.stage.camera, aisle.boxes, least_share=_LEAST_OF_CARTON)
    unlabelled = (*_loads(aisle), *printed_labels(aisle.stage.camera, aisle.boxes))
    return Picture(image, found, int(rng.integers(55, 97)), unlabelled)


def _loads(aisle: Aisle) -> list[Unlabelled]:
    """Return each load with its outline within the picture, what stands before it not cut out."""
    camera = aisle.stage.camera
    everywhere = np.ones((camera.height_px, camera.width_px), np.uint8)
    found: list[Unlabelled] = []
    for number, hull in aisle.loads:
        outline = silhouette(camera, hull)
        if look(everywhere, 1, outline).share >= _LEAST_SEEN:
            seen = seen_outline(outline, everywhere.astype(np.bool_), (0, 0), hidden=False)
            found.append(Unlabelled(LOAD, number, seen))
    return found


def write_pallets(
    folder: Path,
    config: PalletsConfig,
    *,
    outlines: bool = False,
    force: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Render a set of pictures of pallets; see `write_set`."""
    plan = SetPlan.rendered("pallets", config, CLASSES, outlines=outlines)
    return write_set(folder, plan, lambda index: render_pallets(config, index), force=force, advance=advance)
