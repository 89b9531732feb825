"""Labelled single pictures to train a detector on: half of belts as the demonstration has them, half of anything."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from train.sets import CLASSES
from train.synth.cartons import Carton
from train.synth.codes import Symbology
from train.synth.parcels import Condition, build_parcel, line_up, plan_parcel
from train.synth.printed import printed_labels
from train.synth.scenery import belt_stage, random_belt_view
from train.synth.settings import PicturesConfig
from train.synth.stage import NOISE_MARGIN, Stage, label_boxes, photograph
from train.synth.wide import wide_scene
from train.synth.writing import Picture, SetPlan, write_set

BELT_CONDITIONS = (
    (Condition.READABLE, 0.52),
    (Condition.TORN, 0.13),
    (Condition.GLARE, 0.13),
    (Condition.TOO_SMALL, 0.08),
    (Condition.NO_LABEL, 0.09),
    (Condition.TURNED_AWAY, 0.05),
)


def render_picture(config: PicturesConfig, index: int) -> Picture:
    """Render one picture; it depends on the seed and its index alone, not on the pictures before it."""
    rng = np.random.default_rng([config.seed, index])
    size_px = (config.width_px, config.height_px)
    if rng.random() < config.belt_share:
        stage, exposures, moved_cm = _belt_scene(rng, size_px)
    else:
        stage, boxes = wide_scene(rng, size_px)
        exposures, moved_cm = [boxes], 0.0
    noise_at = (int(rng.integers(NOISE_MARGIN)), int(rng.integers(NOISE_MARGIN)))
    image = photograph(stage, exposures, moved_cm, noise_at)
    cartons = exposures[len(exposures) // 2]
    found = label_boxes(stage.camera, cartons)
    return Picture(image, found, int(rng.integers(55, 97)), printed_labels(stage.camera, cartons))


def _belt_scene(rng: np.random.Generator, size_px: tuple[int, int]) -> tuple[Stage, list[list[Carton]], float]:
    """Return a belt at some moment: its stage, its cartons while the shutter is open, how far the belt has moved."""
    view = random_belt_view(rng)
    stage = belt_stage(rng, view, size_px, noise_sigma=float(rng.uniform(0.5, 5)))
    if rng.random() < 0.06:
        return stage, [[]], 0.0
    kinds, weights = zip(*BELT_CONDITIONS, strict=True)
    reach_cm = (-0.35 * view.view_cm, 0.1 * view.view_cm)
    conditions = [
        kinds[index] for index in rng.choice(len(kinds), int(rng.choice([1, 3, 6], p=[0.1, 0.2, 0.7])), p=weights)
    ]
    symbologies = rng.choice(len(Symbology), len(conditions))
    plans = [
        plan_parcel(rng, number, condition, list(Symbology)[kind], stage.camera, reach_cm, size_px[0] / 1280)
        for number, (condition, kind) in enumerate(zip(conditions, symbologies, strict=True))
    ]
    plans = line_up(rng, plans, touching_share=0.4)
    shift = rng.uniform(-0.2, 0.5) * view.view_cm - plans[int(rng.integers(len(plans)))].block.x
    seen = [(plan, plan.block.x + shift) for plan in plans if abs(plan.block.x + shift) < view.view_cm]
    cartons = [(build_parcel(rng, plan, stage.camera), x) for plan, x in seen]
    blur_cm = max(0.0, rng.uniform(-0.1, 0.35))
    moments = (0.0,) if blur_cm < 0.05 else (0.0, blur_cm / 2, blur_cm)
    return stage, [[carton.moved_to(x + step) for carton, x in cartons] for step in moments], shift


def write_pictures(
    folder: Path,
    config: PicturesConfig,
    *,
    outlines: bool = False,
    force: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Render a set of pictures of cartons; see `write_set`."""
    plan = SetPlan.rendered("synth", config, CLASSES, outlines=outlines)
    return write_set(folder, plan, lambda index: render_picture(config, index), force=force, advance=advance)
