"""Procedural surfaces: cardboard, tape, print, belts, floors and walls, drawn from a seed so that nothing is borrowed.

Colours are BGR, 0..255, of a surface in full light; nothing but glare reaches 255, so that glare alone saturates.
"""

import math

import cv2
import numpy as np

from train.synth.arrays import Floats, Image, blurred, clipped, smooth_noise

Colour = tuple[float, float, float]
INK: Colour = (38.0, 40.0, 46.0)
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)
PRINTS = ("FRAGILE", "THIS SIDE UP", "HANDLE WITH CARE", "NORDLAGER", "KARTON 4/12", "KEEP DRY", "EKO PACK", "LOT 7731")


def kraft(rng: np.random.Generator) -> Colour:
    """Return a colour of cardboard: mostly brown from pale to dark, now and then white."""
    if rng.random() < 0.12:
        level = rng.uniform(165, 195)
        return (level * rng.uniform(0.94, 1.0), level * rng.uniform(0.97, 1.0), level)
    red = rng.uniform(120, 185)
    return (red * rng.uniform(0.50, 0.66), red * rng.uniform(0.75, 0.84), red)


def any_colour(rng: np.random.Generator, low: float = 20, high: float = 200) -> Colour:
    """Return any colour whose channels lie between two levels."""
    blue, green, red = rng.uniform(low, high, 3)
    return (float(blue), float(green), float(red))


def cardboard(rng: np.random.Generator, width: int, height: int, colour: Colour, density: float) -> Image:
    """Return cardboard (height, width, 3): fibres, faint flutes, blotches and worn edges.

    Args:
        rng: Where all chance comes from.
        width: Pixels.
        height: Pixels.
        colour: BGR in full light.
        density: Pixels per centimetre.
    """
    shade = smooth_noise(rng, height, width, 6 * density) * 4.0
    shade += smooth_noise(rng, height, width, 1.2 * density) * 1.5
    fibres = rng.standard_normal((height, width)).astype(np.float32)
    shade += np.asarray(cv2.blur(fibres, (max(3, round(0.5 * density)), 1)), np.float32) * 7.0
    flutes = np.sin(np.arange(width) * (2 * math.pi / (0.75 * density)) + rng.uniform(0, 6))
    shade += flutes.astype(np.float32)[None, :] * rng.uniform(0.3, 1.6)
    edge = np.minimum.outer(_edge_distance(height), _edge_distance(width)).astype(np.float32) / density
    wear = np.exp(-((edge / rng.uniform(0.15, 0.5)) ** 2)) * rng.uniform(-14, 16)
    shade += wear * (1 + 0.4 * smooth_noise(rng, height, width, 2 * density))
    return clipped(np.asarray(colour, np.float32) * (1 + shade[..., None] / 128))


def _edge_distance(length: int) -> Floats:
    position = np.arange(length) + 0.5
    return np.minimum(position, length - position)


def add_tape(rng: np.random.Generator, texture: Image, band: tuple[float, float, float, float], density: float) -> None:
    """Lay packing tape over part of a texture, in place.

    Args:
        rng: Where all chance comes from.
        texture: (H, W, 3).
        band: left, top, right, bottom, 0..1 each.
        density: Pixels per centimetre.
    """
    height, width = texture.shape[:2]
    left, right = round(band[0] * width), round(band[2] * width)
    top, bottom = round(band[1] * height), round(band[3] * height)
    part = texture[top:bottom, left:right].astype(np.float32)
    if part.size == 0:
        return
    rows, columns = part.shape[:2]
    tint = np.asarray([(96, 128, 156), (150, 165, 176), (70, 104, 138)][rng.integers(3)], np.float32)
    cover = rng.uniform(0.35, 0.75)
    gloss = smooth_noise(rng, rows, columns, 2.5 * density) * 7 + rng.uniform(0, 22)
    part = part * (1 - cover) + tint * cover + gloss[..., None]
    for index in (0, -1):
        part[index, :] *= 0.86
        part[:, index] *= 0.86
    texture[top:bottom, left:right] = np.clip(part, 0, 235).astype(np.uint8)


def add_seam(texture: Image, *, lengthwise: bool, density: float) -> None:
    """Draw the gap between two flaps through the middle of a top, in place."""
    height, width = texture.shape[:2]
    thickness = max(1, round(0.14 * density))
    line = texture[height // 2 : height // 2 + thickness] if lengthwise else texture[:, width // 2 :][:, :thickness]
    line[:] = (line * 0.42).astype(np.uint8)


def add_print(rng: np.random.Generator, texture: Image, density: float) -> None:
    """Print a word, arrows or a frame of ink on a side, in place."""
    height, width = texture.shape[:2]
    ink = np.full((height, width), 0, np.uint8)
    kind = rng.integers(3)
    unit = min(height, width) / 10
    x, y = rng.uniform(0.08, 0.45) * width, rng.uniform(0.35, 0.75) * height
    if kind == 0:
        word = PRINTS[rng.integers(len(PRINTS))]
        scale = min(unit / 14, width * 0.8 / (len(word) * 19))
        font = FONTS[rng.integers(len(FONTS))]
        where = (int(min(x, width * 0.1)), int(y))
        cv2.putText(ink, word, where, font, scale, 255, max(1, round(unit / 7)), cv2.LINE_AA)
    elif kind == 1:
        for step in range(2):
            foot = (x + step * 2.6 * unit, y)
            _arrow(ink, foot, unit)
    else:
        corner = (int(x + 4 * unit), int(y - 3 * unit))
        cv2.rectangle(ink, (int(x), int(y)), corner, 255, max(1, round(unit / 6)))
        cv2.circle(ink, (int(x + 2 * unit), int(y - 1.5 * unit)), max(1, int(unit)), 255, max(1, round(unit / 6)))
    press(texture, ink, INK if rng.random() < 0.7 else any_colour(rng, 20, 120), rng.uniform(0.55, 0.85))
    del density


def _arrow(ink: Image, foot: tuple[float, float], unit: float) -> None:
    x, y = foot
    shape = [(-0.3, 0), (0.3, 0), (0.3, -1.8), (0.9, -1.8), (0, -3.2), (-0.9, -1.8), (-0.3, -1.8)]
    points = np.array([[x + unit * dx, y + unit * dy] for dx, dy in shape])
    cv2.fillPoly(ink, [np.round(points).astype(np.int32)], (255.0,), cv2.LINE_AA)


def press(texture: Image, ink: Image, colour: Colour, strength: float) -> None:
    """Lay ink (H, W), 0..255, of a colour on a texture (H, W, 3), in place."""
    rows, columns = np.nonzero(ink)
    if len(rows) == 0:
        return
    part = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    cover = ink[part].astype(np.float32)[..., None] / 255 * strength
    texture[part] = clipped(texture[part] * (1 - cover) + np.asarray(colour, np.float32) * cover)


def belt(rng: np.random.Generator, length_cm: float, width_cm: float, density: float) -> Image:
    """Return rubber belting that repeats along x: a fine weave, scuffs and a vulcanised seam."""
    width, height = round(length_cm * density), round(width_cm * density)
    level = rng.uniform(38, 82)
    tint = np.asarray(any_colour(rng, 0.92, 1.08), np.float32)
    shade = smooth_noise(rng, height, width // 2, 10 * density)
    shade = np.hstack([shade, shade[:, ::-1]])
    shade = np.pad(shade, ((0, 0), (0, width - shade.shape[1])), mode="edge")
    weave = rng.standard_normal((height, width)).astype(np.float32)
    value = level + shade * level * 0.03 + weave * level * 0.035
    for _ in range(int(rng.integers(4, 14))):
        row, start = int(rng.integers(2, height - 2)), int(rng.integers(0, width - width // 4))
        stop = start + int(rng.integers(width // 40, width // 5))
        value[row : row + 1 + int(rng.integers(2)), start:stop] *= rng.uniform(0.8, 1.35)
    seam = int(rng.integers(width // 4, 3 * width // 4))
    value[:, seam : seam + max(1, round(0.5 * density))] *= rng.uniform(0.6, 0.85)
    return clipped(np.repeat(value[..., None], 3, axis=2) * tint)


def rollers(rng: np.random.Generator, length_cm: float, width_cm: float, density: float) -> Image:
    """Return a bed of rollers across the travel: steel cylinders with dark gaps between them."""
    width, height = round(length_cm * density), round(width_cm * density)
    pitch = rng.uniform(5.5, 8.5)
    position = ((np.arange(width) / density) % pitch) / pitch * 2 - 1
    fill = rng.uniform(0.72, 0.86)
    inside = np.abs(position) < fill
    bow = np.sqrt(np.clip(1 - (position / fill) ** 2, 0, 1))
    gleam = np.exp(-(((position + 0.25) / 0.16) ** 2)) * rng.uniform(10, 45)
    level = rng.uniform(85, 140)
    profile = np.where(inside, 30 + level * bow + gleam, 22)
    value = np.repeat(profile[None, :], height, axis=0).astype(np.float32)
    value *= 1 + 0.03 * smooth_noise(rng, height, width, 3 * density)
    return clipped(np.repeat(value[..., None], 3, axis=2) * np.asarray(any_colour(rng, 0.94, 1.05), np.float32))


def ground(rng: np.random.Generator, width: int, height: int) -> Image:
    """Return a floor, wall or sheet (height, width, 3): concrete, boards, tiles or plain paint."""
    base = np.asarray(any_colour(rng, 0.88, 1.08), np.float32) * rng.uniform(45, 165)
    value = np.ones((height, width), np.float32)
    value += smooth_noise(rng, height, width, width / rng.uniform(3, 8)) * 0.05
    value += smooth_noise(rng, height, width, 6) * rng.uniform(0.0, 0.04)
    value += rng.standard_normal((height, width)).astype(np.float32) * rng.uniform(0.0, 0.04)
    kind = rng.integers(4)
    if kind in (0, 1):
        pitch, gap = rng.uniform(0.05, 0.22) * width, rng.uniform(0.5, 0.9)
        stripes = (np.arange(width) % pitch) < max(1.0, pitch * 0.02)
        value[:, stripes] *= gap
        if kind == 1:
            value[(np.arange(height) % pitch) < max(1.0, pitch * 0.02)] *= gap
    return clipped(value[..., None] * base)


def softened(image: Image, sigma: float) -> Image:
    """Return an image as a lens out of focus shows it; sigma in pixels, 0 leaves it alone."""
    return blurred(image, sigma) if sigma > 0.05 else image
