"""Scenes of any kind, to learn from: any camera, ground, light, clutter, number of boxes and labels at any angle.

What they share with the belt is the renderer; a detector that has seen only one belt knows nothing but that belt.
"""

import math
from dataclasses import replace

import cv2
import numpy as np

from train.synth.arrays import Image, clipped, smooth_noise
from train.synth.cartons import Carton, build_carton
from train.synth.geometry import Block, Camera, Plane, Side, in_view, look_at, px_per_cm
from train.synth.parcels import random_looks
from train.synth.scenery import light_field, noise_tiles
from train.synth.stage import Stage, paint_plane
from train.synth.stickers import random_sticker
from train.synth.surfaces import FONTS, PRINTS, any_colour, ground, softened

FACES = (Side.TOP, Side.FRONT, Side.LEFT, Side.RIGHT)


def wide_scene(rng: np.random.Generator, size_px: tuple[int, int]) -> tuple[Stage, list[Carton]]:
    """Return a random scene: its stage, and its boxes, some of them obstacles that are no cartons."""
    view_cm = math.exp(rng.uniform(math.log(26), math.log(230)))
    cell_cm = max(14.0, view_cm / rng.uniform(1.3, 5.5))
    camera = look_at(
        (rng.uniform(-0.1, 0.1) * view_cm, 0.0, cell_cm * rng.uniform(0, 0.5)),
        distance_cm=view_cm * rng.uniform(1.1, 2.4),
        tilt=math.radians(rng.uniform(2, 72)),
        pan=math.radians(rng.uniform(-30, 30)),
        roll=math.radians(rng.normal(0, 6)),
        view_cm=view_cm,
        size_px=size_px,
    )
    backdrop = _backdrop(rng, camera, view_cm)
    stage = Stage(
        camera=camera,
        backdrop=softened(backdrop, float(rng.uniform(0, 1.5))),
        belt=None,
        shadow=(float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.5, 0.5))),
        shadow_depth=float(rng.uniform(0.1, 0.85)),
        gain=clipped(light_field(rng, size_px, strength=2.2) * np.float32(rng.uniform(0.45, 1.3))),
        lens_sigma=float(rng.choice([0.3, 0.5, 0.8, 1.3, 2.0], p=[0.35, 0.3, 0.2, 0.1, 0.05])),
        noise=noise_tiles(rng, size_px, float(rng.uniform(0.5, 9))),
    )
    return stage, _boxes(rng, camera, view_cm, cell_cm)


def _backdrop(rng: np.random.Generator, camera: Camera, view_cm: float) -> Image:
    """Return ground, now and then with sheets, stripes, words and racks on it."""
    size = (camera.height_px, camera.width_px)
    canvas = ground(rng, size[1], size[0])
    reach = 3.2 * view_cm
    near = -min(reach, float(-camera.position[1]) + float(camera.position[2]) * 0.6)
    floor = Plane(np.array([-reach, reach, 0.0]), np.array([2 * reach, 0.0, 0.0]), np.array([0.0, near - reach, 0.0]))
    if rng.random() < 0.85 and (camera.depth_cm(floor.corners()) > 1.0).all():
        paint_plane(canvas, camera, floor, ground(rng, 1400, 1000))
    for _ in range(int(rng.integers(0, 9))):
        _add_clutter(rng, canvas)
    return canvas


def _add_clutter(rng: np.random.Generator, canvas: Image) -> None:
    """Paint something that is neither carton nor code, in place."""
    height, width = canvas.shape[:2]
    kind = rng.integers(5)
    colour = any_colour(rng, 10, 230)
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    if kind == 0:
        centre = np.array([x, y])
        points = centre + rng.normal(0, width / 9, (int(rng.integers(3, 7)), 2))
        cv2.fillPoly(canvas, [points.astype(np.int32)], colour, cv2.LINE_AA)
    elif kind == 1:
        end = (int(x + rng.normal(0, width)), int(y + rng.normal(0, height)))
        cv2.line(canvas, (int(x), int(y)), end, colour, int(rng.integers(1, width // 25)), cv2.LINE_AA)
    elif kind == 2:
        word = PRINTS[rng.integers(len(PRINTS))]
        font = FONTS[rng.integers(len(FONTS))]
        scale = rng.uniform(0.4, 3)
        cv2.putText(canvas, word, (int(x - width / 4), int(y)), font, scale, colour, int(1 + 2 * scale), cv2.LINE_AA)
    elif kind == 3:
        cv2.ellipse(
            canvas,
            (int(x), int(y)),
            (int(rng.uniform(4, width / 6)), int(rng.uniform(4, width / 6))),
            rng.uniform(0, 180),
            0,
            360,
            colour,
            int(rng.choice([-1, 2, 6])),
            cv2.LINE_AA,
        )
    else:
        _add_grille(rng, canvas, (x, y))


def _add_grille(rng: np.random.Generator, canvas: Image, at: tuple[float, float]) -> None:
    """Paint even stripes, such as vents and pallets have: no code, however much it may look like one."""
    height, width = canvas.shape[:2]
    pitch, count = rng.uniform(6, 40), int(rng.integers(3, 12))
    length, turn = rng.uniform(20, width / 3), rng.uniform(0, math.pi)
    along, beside = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
    level = any_colour(rng, 10, 200)
    for step in range(count):
        foot = np.array(at) + beside * step * pitch
        end = foot + along * length
        first, last = (int(foot[0]), int(foot[1])), (int(end[0]), int(end[1]))
        cv2.line(canvas, first, last, level, max(1, int(pitch * 0.4)), cv2.LINE_AA)
    del height


def _boxes(rng: np.random.Generator, camera: Camera, view_cm: float, cell_cm: float) -> list[Carton]:
    """Return boxes on a grid of cells, some cells empty, some stacked, some boxes reaching to their neighbours."""
    boxes: list[Carton] = []
    half = max(1, round(view_cm / cell_cm / 2 + 0.5))
    fullness = rng.choice([0.0, 0.25, 0.55, 0.9], p=[0.05, 0.3, 0.4, 0.25])
    bare = rng.random() < 0.15
    packed = rng.random() < 0.3
    for row in range(-half, half + 1):
        for column in range(-half, half + 1):
            if rng.random() > fullness or len(boxes) >= 14:
                continue
            share = 1.0 if packed else rng.uniform(0.55, 0.95)
            yaw = 0.0 if packed else rng.uniform(-1, 1) * (1 - share) * 1.2
            block = Block(
                x=column * cell_cm,
                y=row * cell_cm,
                z=0.0,
                length=cell_cm * share * (1.0 if packed else rng.uniform(0.7, 1.0)),
                width=cell_cm * share * (1.0 if packed else rng.uniform(0.7, 1.0)),
                height=cell_cm * rng.uniform(0.15, 0.9),
                yaw=yaw,
            )
            if not in_view(camera, block):
                continue
            boxes.append(_box(rng, camera, len(boxes), block, bare=bare))
            if rng.random() < 0.18:
                upper = replace(
                    block,
                    z=block.height,
                    length=block.length * rng.uniform(0.5, 0.95),
                    width=block.width * rng.uniform(0.5, 0.95),
                    height=cell_cm * rng.uniform(0.15, 0.6),
                )
                boxes.append(_box(rng, camera, len(boxes), upper, bare=bare))
    return boxes


def _box(rng: np.random.Generator, camera: Camera, number: int, block: Block, *, bare: bool) -> Carton:
    density = max(1.0, min(1.2 * px_per_cm(camera, block), 900 / max(block.length, block.width)))
    lamp = rng.uniform(-0.25, 0.25)
    light = {Side.TOP: 1.0, Side.FRONT: rng.uniform(0.5, 1.0), Side.LEFT: 0.7 + lamp, Side.RIGHT: 0.7 - lamp}
    seen = {side: light[side] for side in FACES if block.plane(side).is_seen_from(camera.position)}
    looks = replace(random_looks(rng), light=seen)
    if rng.random() < 0.12:
        return _crate(rng, number, block, seen)
    if rng.random() < 0.04:
        looks = replace(looks, colour=any_colour(rng, 40, 190))
    count = 0 if bare else int(rng.choice([0, 1, 2], p=[0.25, 0.6, 0.15]))
    sides = list(seen)
    chosen = rng.permutation(len(sides))[:count]
    stickers = [random_sticker(rng, block, sides[index]) for index in chosen]
    return build_carton(rng, number, block, looks, stickers, density)


def _crate(rng: np.random.Generator, number: int, block: Block, light: dict[Side, float]) -> Carton:
    """Return a plastic crate or machine: of one bright or grey colour, no carton."""
    colour = np.asarray(any_colour(rng, 15, 220), np.float32)
    textures: dict[Side, Image] = {}
    for side, level in light.items():
        value = 1 + 0.02 * smooth_noise(rng, 48, 64, 12)
        if rng.random() < 0.6:
            value[:, :: int(rng.integers(3, 9))] *= 0.8
        textures[side] = clipped(value[..., None] * colour * np.float32(level))
    return Carton(number, block, textures, labelled=False)
