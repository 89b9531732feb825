"""Price labels on a shelf's edge: what stands on them is known, and where."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from train.synth.arrays import Floats, Image, resized
from train.synth.codes import QUIET_MODULES
from train.synth.goods import Article, PriceForm
from train.synth.typography import Box, Typeface, ink_onto, random_typeface, set_line

Colour = tuple[float, float, float]
_DARK: Colour = (34.0, 32.0, 30.0)
_RED: Colour = (40.0, 30.0, 190.0)
_GAP = 0.05  # between fields, share of the label's height


@dataclass(frozen=True, slots=True)
class LabelStyle:
    """How all labels of a shop look.

    Attributes:
        paper: BGR.
        ink: BGR of name and brand.
        price_ink: BGR of the price.
        price: How prices are written.
        text_face: Of the name.
        brand_face: Of the brand; heavier than the name's, as a brand's own lettering is.
        price_face: Of the price.
        aspect: Width over height.
        price_left: Whether the price stands left of the code.
        brand_first: Whether the brand stands above the name.
        band: Whether name and brand stand on a dark band, printed in the paper's colour.
    """

    paper: Colour
    ink: Colour
    price_ink: Colour
    price: PriceForm
    text_face: Typeface
    brand_face: Typeface
    price_face: Typeface
    aspect: float
    price_left: bool
    brand_first: bool
    band: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A region with its text: its kind is one of those of `shelves.py`; left, top, right, bottom in pixels."""

    kind: str
    text: str
    box: Box

    def corners(self) -> Floats:
        """Return the box's corners (4, 2), pixels, clockwise from the upper left."""
        left, top, right, bottom = self.box
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLabel:
    """A label (H, W, 3) uint8 BGR and its fields in its own pixels."""

    image: Image
    fields: tuple[Field, ...]


def random_style(rng: np.random.Generator, price: PriceForm) -> LabelStyle:
    """Return how the labels of some shop look; electronic ones are greyish, offers yellow or red."""
    papers: tuple[Colour, ...] = ((246, 248, 248), (205, 212, 208), (70, 214, 246), (238, 240, 228), (150, 220, 250))
    paper = papers[int(rng.choice(len(papers), p=[0.5, 0.2, 0.12, 0.1, 0.08]))]
    return LabelStyle(
        paper=paper,
        ink=_DARK,
        price_ink=_RED if rng.random() < 0.25 else _DARK,
        price=price,
        text_face=random_typeface(rng, bold=False),
        brand_face=replace(random_typeface(rng, bold=True), narrow=float(rng.uniform(0.9, 1.3))),
        price_face=random_typeface(rng, bold=True),
        aspect=float(rng.uniform(1.55, 2.3)),
        price_left=bool(rng.random() < 0.3),
        brand_first=bool(rng.random() < 0.7),
        band=bool(rng.random() < 0.15),
    )


def draw_price_label(rng: np.random.Generator, article: Article, style: LabelStyle, height_px: int) -> DrawnLabel:
    """Draw a label; a field that finds no room on it is left away, on the label and from its fields."""
    width = round(height_px * style.aspect)
    canvas = np.empty((height_px, width, 3), np.uint8)
    canvas[:] = style.paper
    margin = height_px * 0.06
    upper = height_px * rng.uniform(0.36, 0.44)
    if style.band:
        canvas[: round(upper)] = style.ink
    fields = _words(rng, canvas, article, style, (margin, margin, width - margin, upper))
    middle = width * rng.uniform(0.46, 0.54)
    left, right = (
        (margin, upper, middle - margin / 2, height_px - margin),
        (middle, upper, width - margin, height_px - margin),
    )
    price_box, code_box = (left, right) if style.price_left else (right, left)
    fields += _price(canvas, article, style, price_box)
    fields += _code(rng, canvas, article, style, code_box)
    cv2.rectangle(canvas, (0, 0), (width - 1, height_px - 1), (150, 150, 150), 1)
    return DrawnLabel(canvas, tuple(fields))


def _words(rng: np.random.Generator, canvas: Image, article: Article, style: LabelStyle, box: Box) -> list[Field]:
    """Print name and brand into a box, one above the other."""
    left, top, right, bottom = box
    colour = style.paper if style.band else style.ink
    room = bottom - top
    sizes = {"name": room * rng.uniform(0.36, 0.46), "brand": room * rng.uniform(0.3, 0.4)}
    texts = {"name": article.name, "brand": article.brand}
    order = ("brand", "name") if style.brand_first else ("name", "brand")
    fields: list[Field] = []
    y = top
    for kind in order:
        face = style.text_face if kind == "name" else style.brand_face
        ink = _fitted(set_line(texts[kind], face, sizes[kind]), right - left, bottom - y)
        drawn = ink_onto(canvas, ink, (left, y), colour)
        if drawn is not None:
            fields.append(Field(kind, texts[kind], drawn))
            y = drawn[3] + room * _GAP * 2
    return fields


def _price(canvas: Image, article: Article, style: LabelStyle, box: Box) -> list[Field]:
    left, top, right, bottom = box
    room = bottom - top
    text = style.price.text(article.cents)
    if style.price.raised:
        whole = set_line(f"{style.price.before}{article.cents // 100}", style.price_face, room * 0.8)
        cents = set_line(f"{article.cents % 100:02d}", style.price_face, room * 0.42)
        ink = np.zeros(
            (max(whole.shape[0], cents.shape[0]), whole.shape[1] + cents.shape[1] + max(2, round(room * 0.06)))
        )
        ink = ink.astype(np.uint8)
        ink[: whole.shape[0], : whole.shape[1]] = whole
        ink[: cents.shape[0], -cents.shape[1] :] = cents
        text = PriceForm(style.price.before, "", style.price.point, raised=True).text(article.cents)
    else:
        ink = set_line(text, style.price_face, room * 0.7)
    ink = _fitted(ink, right - left, room * 0.95)
    at = (right - ink.shape[1] - 1, top + (room - ink.shape[0]) / 2)
    drawn = ink_onto(canvas, ink, at, style.price_ink)
    return [Field("price", text, drawn)] if drawn is not None else []


def _code(rng: np.random.Generator, canvas: Image, article: Article, style: LabelStyle, box: Box) -> list[Field]:
    """Print the code's bars, dark on the paper, and a line of small print below that is no field of its own."""
    left, top, right, bottom = box
    quiet = QUIET_MODULES[article.code.symbology]
    module = (right - left) / (article.code.columns + 2 * quiet)
    height = (bottom - top) * rng.uniform(0.55, 0.8)
    width_px, height_px = max(8, round(article.code.columns * module)), max(4, round(height))
    bars = 255 - resized(np.repeat(article.code.modules, 4, axis=0), width_px, height_px)
    drawn = ink_onto(canvas, bars, (left + quiet * module, top + (bottom - top) * 0.04), _DARK)
    if drawn is None:
        return []
    small = _fitted(
        set_line(article.code.text, style.text_face, (bottom - drawn[3]) * 0.5), right - left, bottom - drawn[3]
    )
    ink_onto(canvas, small, (drawn[0], drawn[3] + 2), style.ink)
    return [Field("barcode", article.code.text, drawn)]


def _fitted(ink: Image, width: float, height: float) -> Image:
    """Return ink made smaller, where it must be, to fit."""
    share = min(1.0, width / ink.shape[1], height / ink.shape[0])
    if share >= 1:
        return ink
    return resized(ink, max(1, int(ink.shape[1] * share)), max(1, int(ink.shape[0] * share)))
