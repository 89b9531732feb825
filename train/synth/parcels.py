"""Parcels for a belt: how big, how labelled, readable or not; all settled before anything is drawn.

Readable and unreadable are kept far apart: a readable code has at least 2.8 pixels a module at its worst place and
moment before the line, a code meant to be too small at most 1.1 at its best.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from train.synth.cartons import Carton, Looks, PrintedCode, Sticker, build_carton, face_cm, module_px
from train.synth.codes import Code, Symbology, make_code, random_text
from train.synth.geometry import Block, Camera, Side
from train.synth.labels import Damage, LabelPlan
from train.synth.surfaces import kraft

TOUCHING_CM = 0.0
SIDES = (Side.TOP, Side.FRONT, Side.LEFT, Side.RIGHT)
READABLE_PX = {
    Symbology.CODE_128: (2.85, 3.3),
    Symbology.EAN_13: (2.85, 3.2),
    Symbology.QR: (3.6, 5.0),
    Symbology.DATA_MATRIX: (4.2, 6.0),
}
TOO_SMALL_PX = (0.6, 0.85)


class Condition(str, Enum):
    """Whether a parcel's label can be read, and if not, why."""

    READABLE = "readable"
    TORN = "torn"
    GLARE = "glare"
    TOO_SMALL = "too_small"
    NO_LABEL = "no_label"
    TURNED_AWAY = "turned_away"

    @property
    def damage(self) -> Damage | None:
        """Return what is done to the printed code."""
        return {Condition.TORN: Damage.TORN, Condition.GLARE: Damage.GLARE}.get(self)


@dataclass(frozen=True, slots=True)
class ParcelPlan:
    """A parcel before it is drawn; its block stands at x = 0 and is moved along the belt."""

    number: int
    condition: Condition
    code: Code | None
    block: Block
    stickers: tuple[Sticker, ...]
    looks: Looks


def plan_parcel(
    rng: np.random.Generator,
    number: int,
    condition: Condition,
    symbology: Symbology,
    camera: Camera,
    reach_cm: tuple[float, float],
    px_scale: float = 1.0,
) -> ParcelPlan:
    """Draw up a parcel.

    Args:
        rng: Where all chance comes from.
        number: Its number in the scene.
        condition: What is to become of its label.
        symbology: What kind of code its label bears, if it has one.
        camera: The camera that must, or must not, be able to read it.
        reach_cm: Between which x its code has to have its pixels a module.
        px_scale: Pixels of this picture to one of a picture in which a label is to be read; below 1 in small pictures
            of the same scenes, whose codes nobody reads.
    """
    block = Block(0, rng.uniform(-1.5, 1.5), 0, rng.uniform(18, 32), rng.uniform(18, 28), rng.uniform(6, 18))
    code = None if condition is Condition.NO_LABEL else make_code(symbology, random_text(rng, symbology))
    stickers: tuple[Sticker, ...] = ()
    if code is not None:
        side = Side.BACK if condition is Condition.TURNED_AWAY else Side.TOP
        turn = int(rng.integers(4)) * math.pi / 2 + math.radians(rng.uniform(-5, 5))
        sticker = Sticker(LabelPlan(code, 0.2, rng.uniform(3.5, 5.5), condition.damage), side, turn=turn)
        wanted = rng.uniform(*(TOO_SMALL_PX if condition is Condition.TOO_SMALL else READABLE_PX[symbology])) * px_scale
        sticker = _sized(sticker, block, camera, wanted, reach_cm)
        block = _room_for(block, sticker)
        # A larger box stands higher or wider in the picture; the size of a module is settled on the final one.
        stickers = (_sized(_placed(rng, sticker, block), block, camera, wanted, reach_cm),)
    return ParcelPlan(number, condition, code, block, stickers, random_looks(rng))


def random_looks(rng: np.random.Generator) -> Looks:
    """Return how one of many cartons looks."""
    lamp = rng.uniform(-0.12, 0.12)
    light = {Side.TOP: 1.0, Side.FRONT: rng.uniform(0.62, 0.8), Side.LEFT: 0.68 + lamp, Side.RIGHT: 0.68 - lamp}
    return Looks(
        colour=kraft(rng),
        light=light,
        taped=bool(rng.random() < 0.85),
        lengthwise=bool(rng.random() < 0.6),
        prints=int(rng.integers(0, 3)),
    )


def _sized(sticker: Sticker, block: Block, camera: Camera, wanted_px: float, reach_cm: tuple[float, float]) -> Sticker:
    """Return the label with modules of `wanted_px` pixels where they look smallest within reach."""
    if sticker.side is not Side.TOP:
        return replace(sticker, plan=sticker.plan.scaled_to(0.15))
    least = math.inf
    for x in np.linspace(*reach_cm, 5):
        printed = planned_code(sticker, block)
        least = min(least, module_px(camera, replace(block, x=float(x)), printed)[0])
    return replace(sticker, plan=sticker.plan.scaled_to(sticker.plan.module_cm * wanted_px / least))


def planned_code(sticker: Sticker, block: Block) -> PrintedCode:
    """Return where a label's code will lie on its face, to judge its size before it is drawn."""
    width, height = sticker.plan.code_cm
    across, down = face_cm(block, sticker.side)
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([width / 2, height / 2])
    cosine, sine = math.cos(sticker.turn), math.sin(sticker.turn)
    turned = half @ np.array([[cosine, sine], [-sine, cosine]])
    on_face = (turned + np.array(sticker.centre) * (across, down)) / (across, down)
    code = sticker.plan.code
    rows = height / sticker.plan.module_cm
    return PrintedCode(sticker.side, code.symbology, code.text, code.columns, rows, sticker.plan.damage, on_face)


def _room_for(block: Block, sticker: Sticker) -> Block:
    """Return the box, made larger where the label would not fit on its top."""
    if sticker.side is not Side.TOP:
        return block
    width, height = sticker.extent_cm()
    return replace(block, length=max(block.length, width * 1.06 + 1.5), width=max(block.width, height * 1.06 + 1.5))


def _placed(rng: np.random.Generator, sticker: Sticker, block: Block) -> Sticker:
    """Return the label somewhere on its face, all of it on the board."""
    across, down = face_cm(block, sticker.side)
    width, height = sticker.extent_cm()
    free = (max(0.0, 0.5 - (width * 1.05 / 2 + 0.4) / across), max(0.0, 0.5 - (height * 1.05 / 2 + 0.4) / down))
    centre = (0.5 + rng.uniform(-1, 1) * free[0], 0.5 + rng.uniform(-1, 1) * free[1])
    return replace(sticker, centre=centre)


def line_up(rng: np.random.Generator, parcels: Sequence[ParcelPlan], touching_share: float) -> list[ParcelPlan]:
    """Set parcels behind one another, the first foremost at x = 0; those that touch no other are turned a little."""
    close = [bool(rng.random() < touching_share) for _ in parcels[1:]]
    lined: list[ParcelPlan] = []
    back = 0.0
    for index, parcel in enumerate(parcels):
        after = index > 0 and close[index - 1]
        before = index < len(close) and close[index]
        yaw = 0.0 if after or before else math.radians(rng.uniform(-7, 7))
        block = replace(parcel.block, yaw=yaw)
        half = (block.length * math.cos(yaw) + block.width * abs(math.sin(yaw))) / 2
        gap = TOUCHING_CM if after else rng.uniform(2.0, 13.0)
        middle = 0.0 if index == 0 else back - gap - half
        lined.append(replace(parcel, block=replace(block, x=middle)))
        back = middle - half
    return lined


def build_parcel(rng: np.random.Generator, plan: ParcelPlan, camera: Camera) -> Carton:
    """Paint a parcel, its surface a quarter finer than the picture shows it at its nearest."""
    density = 1.25 * _nearest_px_per_cm(camera, plan.block)
    return build_carton(rng, plan.number, plan.block, plan.looks, plan.stickers, density)


def _nearest_px_per_cm(camera: Camera, block: Block) -> float:
    top = replace(block, x=float(camera.position[0]), yaw=0.0).plane(Side.TOP)
    corners = camera.project(top.corners())
    return float(np.linalg.norm(corners[2] - corners[3])) / block.length


__all__ = [
    "Condition",
    "ParcelPlan",
    "build_parcel",
    "line_up",
    "plan_parcel",
    "planned_code",
    "random_looks",
]
