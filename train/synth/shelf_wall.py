"""The front of a shelf while it is stocked: boards, packs and price labels, and where each region came to lie."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from train.synth.arrays import Floats, Image, clipped, smooth_noise
from train.synth.goods import Article, random_article, random_price_form
from train.synth.packs import Pack, draw_pack
from train.synth.price_labels import LabelStyle, draw_price_label, random_style
from train.synth.surfaces import any_colour

FINER = 1.25  # pixels of the wall for one of the picture
_AROUND = 1.3  # the wall goes beyond the picture, so that a slanted view still shows shelf everywhere


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A labelled region: its class, its text, its outline (N, 2) in pixels, and which article of the shelf it is of."""

    kind: str
    text: str
    outline: Floats
    article: int

    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom of the upright hull, pixels."""
        (left, top), (right, bottom) = self.outline.min(axis=0), self.outline.max(axis=0)
        return float(left), float(top), float(right), float(bottom)


@dataclass(slots=True)
class Wall:
    """The shelf's front a canvas, its pixels per centimetre, the regions on it, and whether packs bear date and lot."""

    canvas: Image
    density: float
    regions: list[Region]
    articles: int = 0
    dated: bool = False


def build_wall(rng: np.random.Generator, view_cm: float, size_px: tuple[int, int], *, dated: bool = False) -> Wall:
    """Build and stock a shelf.

    Args:
        rng: Where all chance comes from.
        view_cm: Width of shelf that a picture shows.
        size_px: Width and height of the picture; the wall goes beyond it on all sides and is drawn finer.
        dated: Whether packs bear a best-before date and a lot; nothing else changes.
    """
    density = size_px[0] * FINER / view_cm
    size = (round(size_px[1] * FINER * _AROUND), round(size_px[0] * FINER * _AROUND))
    back = np.asarray(any_colour(rng, 25, 110), np.float32) * (
        1 + 0.06 * smooth_noise(rng, *size, 9 * density)[..., None]
    )
    wall = Wall(clipped(back), density, [], dated=dated)
    board_cm, row_cm = rng.uniform(3.6, 5.2), rng.uniform(17, 30)
    board = any_colour(rng, 120, 235) if rng.random() < 0.7 else any_colour(rng, 40, 120)
    shop = random_price_form(rng)
    styles = [random_style(rng, shop) for _ in range(2)]
    y_cm = rng.uniform(0.25, 1.0) * row_cm
    while round(y_cm * density) < size[0]:
        _stock_row(rng, wall, styles, y_cm, row_cm - board_cm, board_cm, board)
        y_cm += row_cm
    return wall


def _stock_row(
    rng: np.random.Generator,
    wall: Wall,
    styles: Sequence[LabelStyle],
    y_cm: float,
    clear_cm: float,
    board_cm: float,
    board: tuple[float, float, float],
) -> None:
    """Put packs and their labels onto one board whose top lies at a height of the wall."""
    density, width = wall.density, wall.canvas.shape[1]
    top = round(y_cm * density)
    edge = wall.canvas[top : top + round(board_cm * density)]
    height, length = edge.shape[:2]
    grain = 1 + 0.03 * smooth_noise(rng, height, length, 3 * density)[..., None]
    edge[:] = clipped(np.broadcast_to(np.asarray(board, np.float32), edge.shape) * grain)
    x = -rng.uniform(0, 8) * density
    while x < width:
        if rng.random() < 0.08:
            x += rng.uniform(3, 12) * density  # sold out, and its label taken off
            continue
        article, number = random_article(rng), wall.articles
        wall.articles += 1
        pack_px = rng.uniform(5, 13) * density, clear_cm * rng.uniform(0.55, 0.93) * density
        pack = draw_pack(rng, article, round(pack_px[0]), round(pack_px[1]), dated=wall.dated)
        facings = int(rng.integers(1, 5))
        if rng.random() < 0.9:  # else sold out with its label in place
            _place_packs(rng, wall, pack, article, number, (x, top), facings)
        if rng.random() < 0.93:
            style = styles[0] if rng.random() < 0.85 else styles[1]
            _stick_label(rng, wall, style, article, number, (x, top + board_cm * density / 2), board_cm)
        x += facings * pack_px[0] * 1.04 + rng.uniform(0.2, 2.0) * density


def _place_packs(
    rng: np.random.Generator,
    wall: Wall,
    pack: Pack,
    article: Article,
    number: int,
    foot: tuple[float, float],
    facings: int,
) -> None:
    height, width = pack.image.shape[:2]
    for facing in range(facings):
        if facings > 1 and rng.random() < 0.08:
            continue
        left = round(foot[0] + facing * width * 1.04 + rng.normal(0, 0.1) * wall.density)
        top = round(foot[1]) - height
        light = rng.uniform(0.85, 1.0)
        _paste(wall.canvas, clipped(pack.image * np.float32(light)), pack.cover, left, top)
        corner = np.array([left, top])
        wall.regions.append(Region("product", article.name, pack.outline + corner, number))
        wall.regions += [Region(one.kind, one.text, one.corners() + corner, number) for one in pack.fields]


def _stick_label(
    rng: np.random.Generator,
    wall: Wall,
    style: LabelStyle,
    article: Article,
    number: int,
    at: tuple[float, float],
    board_cm: float,
) -> None:
    """Stick a label onto the board's edge, a little crooked, and remember where its fields came to lie."""
    height_px = round(board_cm * rng.uniform(0.82, 1.0) * wall.density)
    drawn = draw_price_label(rng, article, style, height_px)
    width_px = drawn.image.shape[1]
    turn = rng.normal(0, 0.6)
    centre = (at[0] + width_px / 2 + rng.uniform(-0.5, 1.5) * wall.density, at[1] + rng.normal(0, 0.1) * wall.density)
    matrix = np.asarray(cv2.getRotationMatrix2D((width_px / 2, height_px / 2), turn, 1.0), np.float64)
    room = round(0.03 * width_px) + 2
    matrix[:, 2] += room
    size = (width_px + 2 * room, height_px + 2 * room)
    image = np.asarray(cv2.warpAffine(drawn.image, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
    cover = np.asarray(cv2.warpAffine(np.full(drawn.image.shape[:2], 255, np.uint8), matrix, size), np.uint8)
    left, top = round(centre[0] - size[0] / 2), round(centre[1] - size[1] / 2)
    _paste(wall.canvas, image, cover, left, top)
    for field in drawn.fields:
        outline = np.column_stack([field.corners(), np.ones(4)]) @ matrix.T + np.array([left, top])
        wall.regions.append(Region(field.kind, field.text, outline, number))


def _paste(canvas: Image, image: Image, cover: Image, left: int, top: int) -> None:
    """Lay an image with its cover onto the canvas, cut at the canvas's edges."""
    height, width = image.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.shape[1], left + width), min(canvas.shape[0], top + height)
    if x0 >= x1 or y0 >= y1:
        return
    inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    share = np.asarray(cover[inner], np.float32)[..., None] / 255
    part = canvas[y0:y1, x0:x1]
    part[:] = (part * (1 - share) + image[inner] * share).astype(np.uint8)
