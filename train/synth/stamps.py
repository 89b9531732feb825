"""What a filling line stamps onto packs: a best-before date in the forms of the trade, and a lot, in small print."""

import string
from dataclasses import dataclass
from datetime import date, timedelta

import cv2
import numpy as np

from train.synth.arrays import Image, resized
from train.synth.price_labels import Field
from train.synth.surfaces import any_colour
from train.synth.typography import Typeface, ink_onto, random_typeface, set_line

_FIRST_DAY, _DAYS = date(2026, 1, 1), 1400
_BEFORE_DATES = ("", "", "", "BEST BEFORE ", "BEST BEFORE: ", "BBE ", "EXP ", "USE BY ", "MHD ")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_BEFORE_LOTS = ("LOT ", "LOT: ", "Lot ", "L", "L", "L ", "BATCH ", "Batch: ")
_CAPITAL = (0.026, 0.05)  # height of a capital letter, share of the pack's width: 2 to 4 mm on most
_DOTS = 9  # that an ink-jet head places over the height of a capital letter
_FINEST_DOT_PX = 1.5  # smaller ones run into one another, and the stamp looks as any other print
_PAPER = (236.0, 238.0, 238.0)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Two lines, each as it is printed."""

    date: str
    lot: str


def random_stamp(rng: np.random.Generator) -> Stamp:
    """Return any stamp; some dates can be read in two ways, as they can on real packs."""
    day = _FIRST_DAY + timedelta(days=int(rng.integers(_DAYS)))
    month = _MONTHS[day.month - 1]
    forms = (
        *(f"{day:%d.%m.%Y}", f"{day:%d.%m.%Y}", f"{day:%d.%m.%y}", f"{day:%d/%m/%Y}", f"{day:%Y-%m-%d}"),
        *(f"{day.day:02d} {month} {day.year}", f"{month} {day.year}", f"{day:%m.%Y}", f"{day:%m/%Y}"),
    )
    before = _BEFORE_DATES[int(rng.integers(len(_BEFORE_DATES)))]
    return Stamp(before + forms[int(rng.integers(len(forms)))], _lot(rng, day))


def _lot(rng: np.random.Generator, day: date) -> str:
    """Return a lot: numbers, a year's last digit and its day with a line's letter, or letters and a number."""
    letters = "".join(string.ascii_uppercase[index] for index in rng.integers(0, 26, 2))
    number = int(rng.integers(1000, 100_000))
    bodies = (f"{number}", f"{day:%j}{letters[0]}", f"{day.year % 10}{day:%j}{letters[0]}", f"{letters}-{number}")
    before = _BEFORE_LOTS[int(rng.integers(len(_BEFORE_LOTS)))]
    return before + bodies[int(rng.integers(len(bodies)))]


def print_stamp(rng: np.random.Generator, image: Image, stamp: Stamp) -> tuple[Field, ...]:
    """Print a stamp near the foot of a pack's front (H, W, 3), in place; return its lines, none where it has no room.

    Half of them stand on a pale field that was left free for them, and half are dots of an ink-jet.
    """
    height, width = image.shape[:2]
    capital = width * rng.uniform(*_CAPITAL)
    dots = bool(rng.random() < 0.5)
    face = Typeface("DejaVuSansMono", float(rng.uniform(0.8, 1.0))) if dots else random_typeface(rng, bold=False)
    inks = [set_line(line, face, capital) for line in (stamp.date, stamp.lot)]
    if dots:
        inks = [_dotted(ink, capital) for ink in inks]
    gap = 0.7 * capital
    extent = max(ink.shape[1] for ink in inks), sum(ink.shape[0] for ink in inks) + gap
    left = rng.uniform(0.08, 0.5) * width
    left = min(left, 0.92 * width - extent[0])
    top = min(rng.uniform(0.72, 0.92) * height, 0.95 * height - extent[1])
    if left < 0.05 * width or top < 0.7 * height:
        return ()
    colour = _ground(rng, image, (left, top, left + extent[0], top + extent[1]), gap)
    fields: list[Field] = []
    for kind, line, ink in zip(("date", "batch"), (stamp.date, stamp.lot), inks, strict=True):
        drawn = ink_onto(image, ink, (left, top), colour)
        if drawn is not None:
            fields.append(Field(kind, line, drawn))
        top += ink.shape[0] + gap
    return tuple(fields)


def _ground(
    rng: np.random.Generator, image: Image, box: tuple[float, float, float, float], around: float
) -> tuple[float, float, float]:
    """Lay a pale field below a stamp, in place, or leave the pack as it is; return an ink that shows on that."""
    left, top, right, bottom = box
    rows = slice(round(top - around), round(bottom + around))
    columns = slice(max(0, round(left - around)), round(right + around))
    if rng.random() < 0.5:
        image[rows, columns] = _PAPER
    return any_colour(rng, 10, 60) if image[rows, columns].mean() > 120 else any_colour(rng, 200, 250)


def _dotted(ink: Image, capital_px: float) -> Image:
    """Return a line of print (h, w) as an ink-jet head sets it, in dots; as it is where these would be too fine."""
    step = capital_px / _DOTS
    if step < _FINEST_DOT_PX:
        return ink
    rows, columns = (max(1, round(side / step)) for side in ink.shape)
    grid = resized(ink, columns, rows, cv2.INTER_AREA) > 90
    away = np.abs(np.arange(6) - 2.5)
    disc = np.hypot(away[:, None], away[None, :]) <= 3.0
    dots = np.kron(grid, disc).astype(np.uint8) * 255
    return resized(dots, round(columns * step), round(rows * step), cv2.INTER_AREA)
