"""Cartons: boxes of cardboard with tape, print and labels, and where on them each code is printed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from train.synth.arrays import Floats, Image, clipped
from train.synth.codes import Symbology
from train.synth.geometry import UNIT_SQUARE, Block, Camera, Side, spacing_px
from train.synth.labels import WHOLE, Damage, LabelPlan, Remains, add_glare, draw_label
from train.synth.surfaces import Colour, add_print, add_seam, add_tape, cardboard

OVERSAMPLING = 2.0  # labels are drawn finer than the face that they are stuck on, and reduced by averaging


@dataclass(frozen=True, slots=True, eq=False)
class PrintedCode:
    """A code on a face.

    Attributes:
        side: The face.
        symbology: Kind of code.
        text: What it says, damaged or not.
        columns: Modules across.
        rows: Modules down; of a linear code its height in modules.
        damage: What keeps it from being read.
        on_face: (4,2), its corners on the face, 0..1 each, clockwise from the code's own upper left.
        remains: Left, top, right, bottom of what a tear has left to see, 0..1 of the code each.
    """

    side: Side
    symbology: Symbology
    text: str
    columns: float
    rows: float
    damage: Damage | None
    on_face: Floats
    remains: Remains = WHOLE


@dataclass(frozen=True, slots=True, eq=False)
class Paper:
    """A label on a face.

    Attributes:
        side: The face.
        on_face: (4,2), its corners on the face, 0..1 each, clockwise from its own upper left.
        lines: What is written on it, damaged or not.
    """

    side: Side
    on_face: Floats
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Carton:
    """A box with painted faces; `number` tells it from the others. Without codes it may be a mere obstacle."""

    number: int
    block: Block
    textures: Mapping[Side, Image]
    codes: tuple[PrintedCode, ...] = ()
    papers: tuple[Paper, ...] = ()
    labelled: bool = True  # whether it is a carton to a detector; crates and posts are not

    def moved_to(self, x: float) -> "Carton":
        """Return the same carton elsewhere along the belt, x in cm."""
        return replace(self, block=replace(self.block, x=x))


@dataclass(frozen=True, slots=True)
class Sticker:
    """A label and where it sticks: the face, its centre on it (0..1 each), and its turn in radians."""

    plan: LabelPlan
    side: Side
    centre: tuple[float, float] = (0.5, 0.5)
    turn: float = 0.0

    def extent_cm(self) -> tuple[float, float]:
        """Return width and height of the turned label's upright hull on the face, cm."""
        width, height = self.plan.size_cm
        cosine, sine = abs(math.cos(self.turn)), abs(math.sin(self.turn))
        return width * cosine + height * sine, width * sine + height * cosine


@dataclass(frozen=True, slots=True)
class Looks:
    """How a carton looks: colour of the board, light on each side relative to the top, tape and amount of print."""

    colour: Colour
    light: Mapping[Side, float]
    taped: bool
    lengthwise: bool
    prints: int


def build_carton(
    rng: np.random.Generator,
    number: int,
    block: Block,
    looks: Looks,
    stickers: Sequence[Sticker],
    density: float,
) -> Carton:
    """Paint a carton.

    Args:
        rng: Where all chance comes from.
        number: Its number in the scene.
        block: Its box.
        looks: Its appearance; the sides that `looks.light` names are painted, others stay unpainted.
        stickers: Its labels.
        density: Texture pixels per centimetre.
    """
    textures: dict[Side, Image] = {}
    stuck: list[tuple[PrintedCode, Paper]] = []
    for side, light in looks.light.items():
        texture = _face(rng, block, side, looks, density)
        printed = [_stick(rng, texture, sticker, density) for sticker in stickers if sticker.side is side]
        texture = clipped(texture * np.float32(light))
        for code, _ in printed:
            if code.damage is Damage.GLARE:
                height, width = texture.shape[:2]
                add_glare(rng, texture, code.on_face * (width, height), linear=code.symbology.linear)
        textures[side] = texture
        stuck.extend(printed)
    return Carton(number, block, textures, tuple(code for code, _ in stuck), tuple(paper for _, paper in stuck))


def _face(rng: np.random.Generator, block: Block, side: Side, looks: Looks, density: float) -> Image:
    across, down = face_cm(block, side)
    width, height = max(4, round(across * density)), max(4, round(down * density))
    texture = cardboard(rng, width, height, looks.colour, density)
    tape_cm = 4.8
    if side is Side.TOP:
        add_seam(texture, lengthwise=looks.lengthwise, density=density)
    else:
        for _ in range(looks.prints):
            add_print(rng, texture, density)
    if looks.taped:
        if side is Side.TOP:
            half = tape_cm / 2 / (down if looks.lengthwise else across)
            band = (0.0, 0.5 - half, 1.0, 0.5 + half) if looks.lengthwise else (0.5 - half, 0.0, 0.5 + half, 1.0)
            add_tape(rng, texture, band, density)
        elif (side in (Side.LEFT, Side.RIGHT)) == looks.lengthwise:
            half = tape_cm / 2 / across
            add_tape(rng, texture, (0.5 - half, 0.0, 0.5 + half, min(1.0, 5.5 / down)), density)
    return texture


def face_cm(block: Block, side: Side) -> tuple[float, float]:
    """Return width and height of a face in cm."""
    match side:
        case Side.TOP:
            return block.length, block.width
        case Side.FRONT | Side.BACK:
            return block.length, block.height
        case Side.LEFT | Side.RIGHT:
            return block.width, block.height


def _stick(rng: np.random.Generator, texture: Image, sticker: Sticker, density: float) -> tuple[PrintedCode, Paper]:
    """Blend a label onto a face, in place, and say where its code and all of it came to lie."""
    drawn = draw_label(rng, sticker.plan, density * OVERSAMPLING)
    height, width = texture.shape[:2]
    label_h, label_w = drawn.image.shape[:2]
    cosine, sine = math.cos(sticker.turn) / OVERSAMPLING, math.sin(sticker.turn) / OVERSAMPLING
    linear = np.array([[cosine, -sine], [sine, cosine]])
    middle = np.array([sticker.centre[0] * width, sticker.centre[1] * height])
    shift = middle - linear @ np.array([label_w / 2, label_h / 2])
    # From pixel centres to pixel centres: half a pixel goes off before the map and comes back after it.
    matrix = np.column_stack([linear, shift + linear @ np.array([0.5, 0.5]) - 0.5])
    image = cv2.warpAffine(
        drawn.image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    cover = cv2.warpAffine(drawn.cover, matrix, (width, height), flags=cv2.INTER_LINEAR)
    share = np.asarray(cover, np.float32)[..., None] / 255
    texture[:] = clipped(texture * (1 - share) + np.asarray(image, np.float32) * share)
    left, top, right, bottom = drawn.code_xyxy
    code = sticker.plan.code
    rows = (bottom - top) / (right - left) * code.columns if code.symbology.linear else code.modules.shape[0]
    corners, whole = (
        (np.array([[x, y], [right, y], [right, below], [x, below]], np.float64) @ linear.T + shift) / (width, height)
        for x, y, right, below in (drawn.code_xyxy, (0, 0, label_w, label_h))
    )
    printed = PrintedCode(
        sticker.side, code.symbology, code.text, code.columns, rows, sticker.plan.damage, corners, drawn.remains
    )
    return printed, Paper(sticker.side, whole, drawn.lines)


def code_homography(camera: Camera, block: Block, code: PrintedCode) -> Floats:
    """Return the map (3,3) from positions on the code, 0..1 each, to continuous picture pixels."""
    origin, right, _, left_below = code.on_face
    affine = np.eye(3)
    affine[:2, 0], affine[:2, 1], affine[:2, 2] = right - origin, left_below - origin, origin
    return block.plane(code.side).homography(camera) @ affine


def code_quad(camera: Camera, block: Block, code: PrintedCode, margin: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Return the code's corners (4,2) in the picture, widened by `margin` modules (across, down) on each side."""
    spread = np.array([margin[0] / code.columns, margin[1] / code.rows])
    return _projected(UNIT_SQUARE * (1 + 2 * spread) - spread, code_homography(camera, block, code))


def remaining_quad(camera: Camera, block: Block, code: PrintedCode) -> Floats:
    """Return the corners (4,2) in the picture of what a tear has left of a code; all of it where nothing is torn."""
    left, top, right, bottom = code.remains
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return _projected(corners, code_homography(camera, block, code))


def paper_quad(camera: Camera, block: Block, paper: Paper) -> Floats:
    """Return a label's corners (4,2) in the picture."""
    return _projected(paper.on_face, block.plane(paper.side).homography(camera))


def _projected(points: Floats, homography: Floats) -> Floats:
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return homogeneous[:, :2] / homogeneous[:, 2:]


def module_px(camera: Camera, block: Block, code: PrintedCode) -> tuple[float, float]:
    """Return the least and greatest pixels per module over the code's area as it lies in the picture."""
    matrix = code_homography(camera, block, code)
    return spacing_px(matrix, code.columns, code.rows, linear=code.symbology.linear)
