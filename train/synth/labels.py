"""Printed labels: white paper with text and one code, whole, torn or under glare, always to scale.

Damage is decided here, by parameters, before any reader sees a picture. It takes out far more than a reader can
restore: of a linear code a strip over all bars that breaks both halves of an EAN-13 (so that no remainder looks like a
whole shorter code); of a matrix code about half, where even the strongest error correction restores under a third.
"""

import math
from dataclasses import dataclass, replace
from enum import Enum

import cv2
import numpy as np

from train.synth.arrays import Floats, Image, clipped, resized, smooth_noise
from train.synth.codes import QUIET_MODULES, Code
from train.synth.surfaces import FONTS

PAPER = 205.0
SENDERS = ("NORDLAGER GMBH", "PORT 12 / DOCK C", "RETURN TO STORE", "SHIP TO: HALL 4", "ROUTE 0815", "KG 12.4  PCS 24")
SERVICES = ("EXPRESS", "STANDARD", "ZONE B7", "B2B", "COLD 2-8")
PixelBox = tuple[int, int, int, int]
Remains = tuple[float, float, float, float]
WHOLE: Remains = (0.0, 0.0, 1.0, 1.0)


class Damage(str, Enum):
    """What keeps a printed code from being read."""

    TORN = "torn"
    GLARE = "glare"


@dataclass(frozen=True, slots=True, eq=False)
class LabelPlan:
    """A label to draw.

    Attributes:
        code: What is printed on it.
        module_cm: Width of a module.
        bar_cm: Height of a linear code's bars.
        damage: What has happened to it.
        least_cm: Width and height that the paper has at least.
        margin_scale: Size of margins and text relative to a shipping label's.
    """

    code: Code
    module_cm: float
    bar_cm: float
    damage: Damage | None = None
    least_cm: tuple[float, float] = (0.0, 0.0)
    margin_scale: float = 1.0

    @property
    def code_cm(self) -> tuple[float, float]:
        """Width and height of the printed code without quiet zones."""
        rows, columns = self.code.modules.shape
        return columns * self.module_cm, (self.bar_cm if self.code.symbology.linear else rows * self.module_cm)

    @property
    def size_cm(self) -> tuple[float, float]:
        """Width and height of the paper."""
        width, height = self.code_cm
        quiet = QUIET_MODULES[self.code.symbology] * self.module_cm
        unit = self.margin_scale
        if self.code.symbology.linear:
            needed = (width + 2 * quiet + 0.5 * unit, height + 3.6 * unit)
        else:
            needed = (width + 2 * quiet + 5.0 * unit, height + 2 * quiet + 1.9 * unit)
        return max(needed[0], self.least_cm[0]), max(needed[1], self.least_cm[1])

    def scaled_to(self, module_cm: float) -> "LabelPlan":
        """Return the same label with another size of module."""
        return replace(self, module_cm=module_cm)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLabel:
    """A drawn label.

    Attributes:
        image: (H, W, 3).
        cover: (H, W), 255 where paper is, 0 where it is torn off.
        code_xyxy: The code's rectangle in pixels of the image.
        remains: Left, top, right, bottom of what a person still sees of the code, 0..1 of it each.
        lines: What is written around the code, as it was printed.
    """

    image: Image
    cover: Image
    code_xyxy: PixelBox
    remains: Remains
    lines: tuple[str, ...]


def draw_label(rng: np.random.Generator, plan: LabelPlan, density: float) -> DrawnLabel:
    """Draw a label at `density` pixels per centimetre; torn paper is left out of its cover, glare is added later."""
    width, height = (max(8, round(side * density)) for side in plan.size_cm)
    paper = PAPER * np.asarray(rng.uniform(0.95, 1.0, 3), np.float32)
    value = 1 + 0.012 * smooth_noise(rng, height, width, 3 * density)
    image = clipped(value[..., None] * paper)
    code_size = (max(2, round(plan.code_cm[0] * density)), max(2, round(plan.code_cm[1] * density)))
    quiet = QUIET_MODULES[plan.code.symbology] * plan.module_cm * density
    left, top = _code_place(rng, plan, (width, height), code_size, quiet)
    box = (left, top, left + code_size[0], top + code_size[1])
    _print_code(rng, image, plan.code, box)
    unit = density * plan.margin_scale
    if plan.code.symbology.linear:
        lines = _write_around_bars(rng, image, plan.code.text, box, unit)
    else:
        lines = _write_around_matrix(rng, image, plan.code.text, box, (unit, quiet))
    cv2.rectangle(image, (0, 0), (width - 1, height - 1), (150, 150, 150), max(1, round(0.05 * density)))
    cover = np.full((height, width), 255, np.uint8)
    remains = WHOLE
    if plan.damage is Damage.TORN:
        remains = _tear(rng, image, cover, box, linear=plan.code.symbology.linear, density=unit)
    return DrawnLabel(image, cover, box, remains, tuple(line for line in lines if line))


def _print_code(rng: np.random.Generator, image: Image, code: Code, box: PixelBox) -> None:
    """Print modules into a rectangle, each as wide as the next to a fraction of a pixel, in place."""
    width, height = box[2] - box[0], box[3] - box[1]
    rows, columns = code.modules.shape
    fine = math.ceil(width / columns)
    large = resized(code.modules, columns * fine, max(rows * fine, height), cv2.INTER_NEAREST)
    paper = resized(large, width, height).astype(np.float32)[..., None] / 255
    ink = rng.uniform(16, 38)
    part = image[box[1] : box[3], box[0] : box[2]]
    part[:] = clipped(part * paper + ink * (1 - paper))


def _code_place(
    rng: np.random.Generator, plan: LabelPlan, size: tuple[int, int], code: tuple[int, int], quiet: float
) -> tuple[int, int]:
    """Return the upper left pixel of the code: centred for bars, left or right of the text for a matrix."""
    width, height = size
    if plan.code.symbology.linear:
        return (width - code[0]) // 2, round((height - code[1]) * 0.55)
    left = round(quiet) + 2
    if rng.random() < 0.5:
        left = width - code[0] - left
    lowest = max(0, height - code[1] - round(quiet) - 2)
    return left, min(lowest, round((height - code[1]) * rng.uniform(0.55, 0.75)))


def _write_around_bars(
    rng: np.random.Generator, image: Image, text: str, box: PixelBox, density: float
) -> tuple[str, ...]:
    """Write a sender above the bars and their text below them; return what was written."""
    height, width = image.shape[:2]
    left, top, right, bottom = box
    sender = SENDERS[rng.integers(len(SENDERS))]
    first = 0.35 * density
    above = _write(rng, image, sender, (first, first, width - first, min(top - 0.3 * density, first + 1.3 * density)))
    below = bottom + 0.25 * density
    return above, _write(rng, image, text, (left, below, right, min(below + 1.1 * density, height - 0.2 * density)))


def _write_around_matrix(
    rng: np.random.Generator, image: Image, text: str, box: PixelBox, measure: tuple[float, float]
) -> tuple[str, ...]:
    """Write a sender above a matrix code and lines beside it, outside its quiet zone; return what was written."""
    density, quiet = measure
    height, width = image.shape[:2]
    left, top, right, _ = box
    sender = SENDERS[rng.integers(len(SENDERS))]
    first = 0.35 * density
    written = [_write(rng, image, sender, (first, first, width - first, min(top - quiet, first + 0.9 * density)))]
    beside = (right + quiet, width - first) if left < width - right else (first, left - quiet)
    y = float(top)
    for line in (text, f"{int(rng.integers(1, 40))} KG", SERVICES[rng.integers(len(SERVICES))], sender):
        if y + density < height:
            written.append(_write(rng, image, line, (beside[0], y, beside[1], y + 0.8 * density)))
        y += 1.15 * density
    return tuple(written)


def _write(rng: np.random.Generator, image: Image, text: str, room: tuple[float, float, float, float]) -> str:
    """Write a line as large as it fits into left, top, right, bottom pixels; return it, or nothing without room."""
    font = FONTS[rng.integers(len(FONTS))]
    (width, height), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = min((room[2] - room[0]) / width, (room[3] - room[1]) / (height * 1.2))
    if scale <= 0.05:
        return ""
    where = (round(room[0]), round(room[1] + height * scale))
    cv2.putText(image, text, where, font, scale, (42, 40, 38), max(1, round(scale * 1.8)), cv2.LINE_AA)
    return text


def _tear(
    rng: np.random.Generator, image: Image, cover: Image, box: PixelBox, *, linear: bool, density: float
) -> Remains:
    """Rip a strip out of the paper from edge to edge, in place, and return what is left of the code."""
    left, top, right, bottom = box
    upright = linear or rng.random() < 0.5
    first, last = _strip(rng, linear=linear)
    start, extent = (left, right - left) if upright else (top, bottom - top)
    length = image.shape[0] if upright else image.shape[1]
    near = _ragged(rng, length, start + first * extent, density, outward=-1)[:, None]
    far = _ragged(rng, length, start + last * extent, density, outward=1)[:, None]
    position = np.arange(image.shape[1 if upright else 0])[None, :] + 0.5
    inside = (position > near) & (position < far)
    fray = 0.22 * density
    rim = (position > near - fray) & (position < far + fray) & ~inside
    if not upright:
        inside, rim = inside.T, rim.T
    remains = smooth_noise(rng, image.shape[0], image.shape[1], 0.8 * density)[inside]
    image[inside] = clipped(np.asarray((150.0, 172.0, 188.0)) + 9 * remains[:, None])
    cover[inside] = np.where(remains > 0.9, 130, 0)
    image[rim] = 222
    if linear:
        return WHOLE
    low, high = (0.0, first) if last > 1 else (last, 1.0)
    return (low, 0.0, high, 1.0) if upright else (0.0, low, 1.0, high)


def _strip(rng: np.random.Generator, *, linear: bool) -> tuple[float, float]:
    """Return where a code is lost, from and to, as parts of its width (or height)."""
    if linear:
        return rng.uniform(0.10, 0.24), rng.uniform(0.76, 0.90)
    return (rng.uniform(0.40, 0.46), 1.6) if rng.random() < 0.5 else (-0.6, rng.uniform(0.54, 0.60))


def _ragged(rng: np.random.Generator, length: int, at: float, density: float, *, outward: int) -> Floats:
    """Return a ragged line of `length` positions, none of them on the inner side of `at`."""
    knots = rng.uniform(0, 0.55 * density, max(3, round(length / (0.5 * density))))
    coarse = np.interp(np.arange(length), np.linspace(0, length - 1, len(knots)), knots)
    fine = rng.uniform(0, 0.08 * density, length)
    lean = (np.arange(length) / length) * rng.uniform(0, 0.6) * density
    return at + outward * (coarse + fine + lean)


def add_glare(rng: np.random.Generator, texture: Image, quad: Floats, *, linear: bool) -> None:
    """Let a patch of light saturate the decisive part of a code, in place.

    The patch is 255 inside an ellipse around the code's middle: of bars it covers all their height over at least 56 %
    of their width, of a matrix at least 69 % of its area. Outside it fades.

    Args:
        rng: Where all chance comes from.
        texture: (H, W, 3) with the code printed on it.
        quad: (4,2), the code's corners in texture pixels, clockwise from its upper left.
        linear: Whether the code consists of bars.
    """
    across, down = quad[1] - quad[0], quad[3] - quad[0]
    half_u = rng.uniform(0.36, 0.42) if linear else rng.uniform(0.47, 0.54)
    half_v = rng.uniform(0.8, 1.0) if linear else rng.uniform(0.47, 0.54)
    inverse = np.linalg.inv(np.column_stack([across * half_u, down * half_v]))
    centre = quad.mean(axis=0)
    columns = np.arange(texture.shape[1], dtype=np.float32)[None, :] + 0.5 - centre[0]
    rows = np.arange(texture.shape[0], dtype=np.float32)[:, None] + 0.5 - centre[1]
    u = inverse[0, 0] * columns + inverse[0, 1] * rows
    v = inverse[1, 0] * columns + inverse[1, 1] * rows
    light = 255 * 1.6 * np.exp(-0.47 * (u * u + v * v) ** 2)
    texture[:] = clipped(texture + light[..., None])
