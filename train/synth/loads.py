"""Loads: cartons stacked layer by layer on a wooden pallet, uniform or mixed, wrapped in film or not."""

import math
from dataclasses import dataclass, replace

import numpy as np

from train.synth.arrays import Image, clipped, smooth_noise
from train.synth.cartons import Carton, Sticker, build_carton, face_cm
from train.synth.geometry import Block, Camera, Side, in_view, px_per_cm
from train.synth.parcels import random_looks
from train.synth.stickers import random_sticker

PALLET_CM = (120.0, 80.0, 14.4)  # EN 13698-1
UPRIGHT = (Side.FRONT, Side.LEFT, Side.RIGHT)
_DECK_CM = 2.2
_FOOT_CM = (14.5, 10.0)
_GAP_CM = 0.4  # between neighbouring cartons


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """A load before it is painted.

    Attributes:
        pallet: Where its pallet stands, and how it is turned.
        layers: The cartons of each layer that can be seen, from the lowest up.
        uniform: Whether all cartons hold the same, and so look and are labelled the same.
        labelled_share: Part of the cartons that bear a label.
        wrapped: Whether film is around it.
    """

    pallet: Block
    layers: tuple[tuple[Block, ...], ...]
    uniform: bool
    labelled_share: float
    wrapped: bool

    @property
    def hull(self) -> Block:
        """The box around pallet and cartons."""
        top = max(block.z + block.height for layer in self.layers for block in layer)
        return replace(self.pallet, height=top - self.pallet.z)


def plan_load(rng: np.random.Generator, camera: Camera, pallet: Block, most_cm: float) -> LoadPlan:
    """Stack cartons on a pallet, at most `most_cm` high.

    Cartons that others hide from the camera on all sides are left out, since nobody could see them.
    """
    uniform = bool(rng.random() < 0.7)
    size = _carton_size(rng, pallet)
    aim_cm = rng.uniform(0.35, 1.0) * most_cm
    layers: list[list[Block]] = []
    hidden: list[list[bool]] = []
    z = pallet.z + pallet.height
    while not layers or z + size[2] - pallet.z - pallet.height <= aim_cm:
        turned = bool(rng.random() < 0.5)
        blocks, inside = _layer(camera, pallet, size, z, turned=turned)
        layers.append(blocks)
        hidden.append(inside)
        z += size[2]
        if not uniform:
            size = _carton_size(rng, pallet)
    open_above = _thin_out(rng, layers[-1])
    for level, inside in enumerate(hidden):
        covered = level < len(layers) - (2 if open_above else 1)
        if covered:
            layers[level] = [block for block, within in zip(layers[level], inside, strict=True) if not within]
    return LoadPlan(
        pallet,
        tuple(map(tuple, layers)),
        uniform,
        float(rng.choice([0.0, 0.5, 0.9, 1.0], p=[0.1, 0.25, 0.35, 0.3])),
        bool(rng.random() < 0.3),
    )


def _carton_size(rng: np.random.Generator, pallet: Block) -> tuple[float, float, float]:
    """Return length, width and height of a carton that fits a pallet both ways, cm."""
    shorter = min(pallet.length, pallet.width)
    length = rng.uniform(26, min(60, shorter))
    return length, rng.uniform(20, min(length, 40)), rng.uniform(12, 42)


def _layer(
    camera: Camera, pallet: Block, size: tuple[float, float, float], z: float, *, turned: bool
) -> tuple[list[Block], list[bool]]:
    """Return a layer's cartons in a grid, and whether each lies behind others on all sides that the camera sees."""
    length, width = (size[1], size[0]) if turned else (size[0], size[1])
    columns, rows = int(pallet.length // length), int(pallet.width // width)
    seen = {side for side in UPRIGHT if pallet.plane(side).is_seen_from(camera.position)}
    blocks: list[Block] = []
    inside: list[bool] = []
    for row in range(rows):
        for column in range(columns):
            x, y = (column + 0.5 - columns / 2) * length, (row + 0.5 - rows / 2) * width
            blocks.append(
                _on(pallet, x, y, Block(0, 0, z, length - _GAP_CM, width - _GAP_CM, size[2], pallet.yaw)),
            )
            edges = {Side.FRONT: row == 0, Side.LEFT: column == 0, Side.RIGHT: column == columns - 1}
            inside.append(not any(edges[side] for side in seen))
    return blocks, inside


def _on(pallet: Block, x: float, y: float, block: Block) -> Block:
    """Return a box moved to a place relative to a pallet, which may be turned."""
    cosine, sine = math.cos(pallet.yaw), math.sin(pallet.yaw)
    return replace(block, x=pallet.x + x * cosine - y * sine, y=pallet.y + x * sine + y * cosine)


def _thin_out(rng: np.random.Generator, layer: list[Block]) -> bool:
    """Take some cartons off the uppermost layer, in place, now and then; say whether that was done."""
    if len(layer) < 2 or rng.random() < 0.5:
        return False
    for _ in range(int(rng.integers(1, len(layer)))):
        layer.pop(int(rng.integers(len(layer))))
    return True


def build_load(
    rng: np.random.Generator, plan: LoadPlan, camera: Camera, light: dict[Side, float], first_number: int
) -> list[Carton]:
    """Paint a load: its pallet in parts that are no cartons, then its cartons, those in view alone."""
    parts = [block for block in _wood_parts(plan.pallet) if in_view(camera, block)]
    boxes = [_wooden(rng, first_number + index, block, camera, light) for index, block in enumerate(parts)]
    looks = replace(random_looks(rng), light=light)
    same: dict[Side, Sticker] = {}
    for block in (block for layer in plan.layers for block in layer):
        if not in_view(camera, block):
            continue
        sides = {side: light[side] for side in light if block.plane(side).is_seen_from(camera.position)}
        stickers: list[Sticker] = []
        if rng.random() < plan.labelled_share:
            side = _labelled_side(rng, list(sides))
            sticker = same.get(side) if plan.uniform else None
            if sticker is None or not _fits(sticker, block):
                sticker = same[side] = random_sticker(rng, block, side)
            stickers.append(sticker)
        look = looks if plan.uniform else replace(random_looks(rng), light=light)
        density = max(1.0, min(1.2 * px_per_cm(camera, block), 900 / max(block.length, block.width)))
        carton = build_carton(rng, first_number + len(boxes), block, replace(look, light=sides), stickers, density)
        boxes.append(_wrapped(rng, carton) if plan.wrapped else carton)
    return boxes


def _labelled_side(rng: np.random.Generator, sides: list[Side]) -> Side:
    """Return the side that a label is stuck on: mostly one that people pass by, seldom the top."""
    upright = [side for side in sides if side is not Side.TOP]
    if not upright or (len(sides) > len(upright) and rng.random() < 0.1):
        return Side.TOP
    return Side.FRONT if Side.FRONT in upright and rng.random() < 0.75 else upright[int(rng.integers(len(upright)))]


def _fits(sticker: Sticker, block: Block) -> bool:
    """Say whether a label that was made for another box lies wholly on this one's face."""
    across, down = face_cm(block, sticker.side)
    width, height = sticker.extent_cm()
    reach = (abs(sticker.centre[0] - 0.5) + width / across / 2, abs(sticker.centre[1] - 0.5) + height / down / 2)
    return max(reach) <= 0.5


def _wrapped(rng: np.random.Generator, carton: Carton) -> Carton:
    """Return a carton as it looks behind stretch film: hazy, with bright creases across."""
    textures: dict[Side, Image] = {}
    for side, texture in carton.textures.items():
        height, width = texture.shape[:2]
        creases = smooth_noise(rng, height, width, 3.0 + height / 12) * rng.uniform(4, 12)
        streaks = np.maximum(rng.standard_normal((height, 1)) - 1.4, 0) * 22
        haze = np.asarray(creases + streaks + 26, np.float32)[..., None]
        textures[side] = texture if side is Side.TOP else clipped(texture * np.float32(0.86) + haze)
    return replace(carton, textures=textures)


def _wood_parts(pallet: Block) -> list[Block]:
    """Return deck and feet of a pallet as boxes that do not overlap."""
    foot_height = pallet.height - _DECK_CM
    deck = replace(pallet, z=pallet.z + foot_height, height=_DECK_CM)
    along = [share * (pallet.length - _FOOT_CM[0]) / 2 for share in (-1, 0, 1)]
    beside = [share * (pallet.width - _FOOT_CM[1]) / 2 for share in (-1, 0, 1)]
    foot = Block(0, 0, pallet.z, *_FOOT_CM, foot_height, pallet.yaw)
    return [deck, *(_on(pallet, x, y, foot) for x in along for y in beside)]


def _wooden(rng: np.random.Generator, number: int, block: Block, camera: Camera, light: dict[Side, float]) -> Carton:
    colour = np.array([120.0, 160.0, 190.0]) * rng.uniform(0.6, 0.95)
    textures: dict[Side, Image] = {}
    for side, level in light.items():
        if not block.plane(side).is_seen_from(camera.position):
            continue
        across, down = face_cm(block, side)
        height, width = max(4, round(down * 2)), max(4, round(across * 2))
        grain = 1 + 0.08 * smooth_noise(rng, height, 4, 2.0)[:, :1] + 0.03 * smooth_noise(rng, height, width, 9)
        if side is Side.TOP and down > 40:
            grain[(np.arange(height) % 34) < 8] *= 0.35
        textures[side] = clipped(grain[..., None] * colour * level)
    return Carton(number, block, textures, labelled=False)
