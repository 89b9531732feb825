"""Labels as they stick on cartons of any scene: any symbology, size, angle and condition, all of it on its face."""

import math
from dataclasses import replace

import numpy as np

from train.synth.cartons import Sticker, face_cm
from train.synth.codes import Symbology, make_code, random_text
from train.synth.geometry import Block, Side
from train.synth.labels import Damage, LabelPlan


def random_sticker(rng: np.random.Generator, block: Block, face: Side) -> Sticker:
    """Return a label of any symbology, size, angle and condition that fits a face of a box."""
    symbology = list(Symbology)[rng.integers(4)]
    code = make_code(symbology, random_text(rng, symbology))
    damage = (None, Damage.TORN, Damage.GLARE)[rng.choice(3, p=[0.84, 0.08, 0.08])]
    quarter = int(rng.integers(4)) * math.pi / 2
    turn = quarter + rng.normal(0, 0.08) if rng.random() < 0.6 else rng.uniform(0, 2 * math.pi)
    module = 0.25
    plan = LabelPlan(code, module, 24 * module * rng.uniform(0.6, 1.6), damage)
    sticker = Sticker(plan, face, turn=turn)
    across, down = face_cm(block, face)
    width, height = sticker.extent_cm()
    shrink = min(across / width, down / height) * rng.uniform(0.35, 0.97)
    plan = replace(plan, module_cm=module * shrink, bar_cm=plan.bar_cm * shrink, margin_scale=shrink)
    sticker = replace(sticker, plan=plan)
    width, height = sticker.extent_cm()
    free = (max(0.0, 0.5 - width / across / 2), max(0.0, 0.5 - height / down / 2))
    return replace(sticker, centre=(0.5 + rng.uniform(-1, 1) * free[0], 0.5 + rng.uniform(-1, 1) * free[1]))
