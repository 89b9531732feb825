"""Print as a shop has it: real typefaces, drawn as ink, with the place of what was drawn."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from train.synth.arrays import Image

Box = tuple[float, float, float, float]
# Free typefaces that matplotlib brings along; plain and bold, with and without serifs.
PLAIN = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral", "DejaVuSans-Oblique")
BOLD = ("DejaVuSans-Bold", "DejaVuSerif-Bold", "DejaVuSansMono-Bold", "STIXGeneralBol", "DejaVuSans-BoldOblique")
_MARGIN_PX = 4


@dataclass(frozen=True, slots=True)
class Typeface:
    """A typeface and how it is set.

    Attributes:
        name: A file of matplotlib's, without its ending.
        narrow: Width relative to the typeface's own.
    """

    name: str
    narrow: float = 1.0


def random_typeface(rng: np.random.Generator, *, bold: bool) -> Typeface:
    """Return any typeface, at its own width or narrower."""
    names = BOLD if bold else PLAIN
    return Typeface(names[int(rng.integers(len(names)))], float(rng.uniform(0.72, 1.05)))


def set_line(text: str, typeface: Typeface, height_px: float) -> Image:
    """Return one line of print, cut to its ink: (H, W) uint8, 255 where there is ink.

    Args:
        text: What it says.
        typeface: In which letters.
        height_px: From the top of a capital letter to its foot.
    """
    font = _font(typeface.name, max(4, round(height_px / _capital_share(typeface.name))))
    left, top, right, bottom = font.getbbox(text)
    size = (int(right - left) + 2 * _MARGIN_PX, int(bottom - top) + 2 * _MARGIN_PX)
    canvas = Pillow.new("L", size, 0)
    ImageDraw.Draw(canvas).text((_MARGIN_PX - left, _MARGIN_PX - top), text, fill=255, font=font)
    canvas = canvas.resize((max(1, round(size[0] * typeface.narrow)), size[1]), Pillow.Resampling.BOX)
    ink = np.asarray(canvas, np.uint8)
    rows, columns = np.nonzero(ink.max(axis=1) > 40)[0], np.nonzero(ink.max(axis=0) > 40)[0]
    if len(rows) == 0:
        return np.zeros((1, 1), np.uint8)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def ink_onto(canvas: Image, ink: Image, at: tuple[float, float], colour: tuple[float, float, float]) -> Box | None:
    """Print onto a canvas (H, W, 3), in place.

    Args:
        canvas: What is printed on.
        ink: (h, w) uint8, 255 where there is ink.
        at: Left and top on the canvas, pixels.
        colour: BGR of the ink.

    Returns:
        Where it lies, left, top, right, bottom in pixels; None where it does not fit on the canvas.
    """
    height, width = ink.shape
    left, top = round(at[0]), round(at[1])
    if left < 0 or top < 0 or left + width > canvas.shape[1] or top + height > canvas.shape[0]:
        return None
    part = canvas[top : top + height, left : left + width]
    share = np.asarray(ink, np.float32)[..., None] / 255
    part[:] = (part * (1 - share) + np.asarray(colour, np.float32) * share).astype(np.uint8)
    return (float(left), float(top), float(left + width), float(top + height))


@functools.lru_cache(maxsize=256)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_folder() / f"{name}.ttf"), size)


@functools.lru_cache(maxsize=32)
def _capital_share(name: str) -> float:
    """Return the height of a capital letter in ems."""
    _, top, _, bottom = _font(name, 200).getbbox("H")
    return (bottom - top) / 200


@functools.cache
def _folder() -> Path:
    import matplotlib as mpl  # noqa: PLC0415 - only to find its typefaces

    return Path(mpl.get_data_path()) / "fonts" / "ttf"
