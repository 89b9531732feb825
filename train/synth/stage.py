"""Putting a picture together: what stands still is painted once, then shadows, cartons, light, lens and noise.

Kept fast on purpose (a clip has more than a thousand frames): only the rectangles that cartons cover are warped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from train.synth.arrays import Floats, Image, blurred, fill_polygon, resized
from train.synth.cartons import Carton, remaining_quad
from train.synth.geometry import Block, Camera, Plane, painting_order, silhouette
from train.synth.outlines import Outline, seen_outline

CARTON, BARCODE, QR = range(3)  # as in train.sets.CLASSES
SHADOW_REDUCTION = 4
NEUTRAL_GAIN = 128
NOISE_MARGIN = 96
_WHOLE = 0.97  # share of a thing's pixels from which on nothing counts as hidden; painted ids are good to a pixel


@dataclass(frozen=True, slots=True, eq=False)
class MovingBelt:
    """Belting that moves: its plane, and a texture that repeats along x every `period_cm`."""

    plane: Plane
    texture: Image
    period_cm: float


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """All that stands still.

    Attributes:
        camera: Where it is seen from.
        backdrop: (H, W, 3), the surroundings without cartons.
        belt: Belting painted over the backdrop in each frame; None where it stands still or there is none.
        shadow: Cast shadow, cm along x and y for each cm of height.
        shadow_depth: 0 (none) to 1 (black).
        gain: (H, W, 3), light and vignetting; 128 leaves a pixel as it is.
        lens_sigma: Blur of the lens, pixels.
        noise: Two tiles (H + 96, W + 96, 3), what noise adds and what it takes away.
    """

    camera: Camera
    backdrop: Image
    belt: MovingBelt | None
    shadow: tuple[float, float]
    shadow_depth: float
    gain: Image
    lens_sigma: float
    noise: tuple[Image, Image]


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A detector's label: class, (left, top, right, bottom) in continuous pixels, its carton, outline, printed text."""

    class_id: int
    xyxy: tuple[float, float, float, float]
    carton: int
    outline: Outline
    text: str = ""


def paint_plane(canvas: Image, camera: Camera, plane: Plane, texture: Image) -> None:
    """Paint a textured rectangle of the world onto a canvas (H, W, 3), in place.

    Args:
        canvas: What to paint on.
        camera: The camera.
        plane: Where the rectangle is; all of it must lie before the camera.
        texture: (h, w, 3), stretched over the rectangle.
    """
    quad = camera.project(plane.corners())
    left, top = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + 1, (camera.width_px, camera.height_px))
    if right <= left or bottom <= top:
        return
    height, width = texture.shape[:2]
    from_texture = np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
    to_part = np.array([[1, 0, -0.5 - left], [0, 1, -0.5 - top], [0, 0, 1]])
    matrix = to_part @ plane.homography(camera) @ from_texture
    size = (int(right - left), int(bottom - top))
    painted = cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size[1], size[0]), np.uint8)
    fill_polygon(mask, quad - (left, top), 255)
    cv2.copyTo(painted, mask, canvas[top:bottom, left:right])


def paint_cartons(canvas: Image, camera: Camera, cartons: Sequence[Carton]) -> None:
    """Paint cartons onto a canvas (H, W, 3), those behind first, in place."""
    for index in painting_order(camera, [carton.block for carton in cartons]):
        carton = cartons[index]
        for side, texture in carton.textures.items():
            plane = carton.block.plane(side)
            if plane.is_seen_from(camera.position):
                paint_plane(canvas, camera, plane, texture)


def cast_shadows(canvas: Image, stage: Stage, blocks: Sequence[Block]) -> None:
    """Darken the ground below and beside boxes, in place."""
    camera = stage.camera
    size = (camera.height_px // SHADOW_REDUCTION, camera.width_px // SHADOW_REDUCTION)
    light = np.full(size, 255, np.uint8)
    for block in blocks:
        foot = block.corners()[4:]
        far = foot + np.array([stage.shadow[0] * block.height, stage.shadow[1] * block.height, 0.0])
        points = camera.project(np.vstack([foot, far])) / SHADOW_REDUCTION
        hull = np.asarray(cv2.convexHull(points.astype(np.float32)), np.float64).reshape(-1, 2)
        fill_polygon(light, hull, round(255 * (1 - 0.6 * stage.shadow_depth)))
    cast = blurred(light, camera.width_px / 320)
    light[:] = 255
    for block in blocks:
        foot = camera.project(block.corners()[4:]) / SHADOW_REDUCTION
        fill_polygon(light, foot + (foot - foot.mean(axis=0)) * 0.04, round(255 * (1 - 0.7 * stage.shadow_depth)))
    contact = blurred(light, camera.width_px / 500)
    both = np.asarray(cv2.multiply(cast, contact, scale=1 / 255), np.uint8)
    rows = np.flatnonzero(both.min(axis=1) < 252)
    if len(rows) == 0:
        return
    first, last = int(rows[0]) * SHADOW_REDUCTION, (int(rows[-1]) + 1) * SHADOW_REDUCTION
    full = resized(both, camera.width_px, camera.height_px, cv2.INTER_LINEAR)[first:last]
    part = canvas[first:last]
    cv2.multiply(part, cv2.merge([full, full, full]), dst=part, scale=1 / 255)


def photograph(stage: Stage, exposures: Sequence[Sequence[Carton]], belt_cm: float, noise_at: tuple[int, int]) -> Image:
    """Return a picture (H, W, 3) uint8 BGR.

    Args:
        stage: All that stands still.
        exposures: Where the cartons are at evenly spaced moments while the shutter is open; they are averaged.
        belt_cm: How far the belt has moved.
        noise_at: Which part of the noise tiles to use, 0..95 each.
    """
    camera = stage.camera
    ground = stage.backdrop.copy()
    if stage.belt is not None:
        _paint_belt(ground, camera, stage.belt, belt_cm)
    cast_shadows(ground, stage, [carton.block for carton in exposures[len(exposures) // 2]])
    image = _averaged(ground, camera, exposures)
    image = np.asarray(cv2.multiply(image, stage.gain, scale=1 / NEUTRAL_GAIN), np.uint8)
    if stage.lens_sigma > 0.2:
        image = blurred(image, stage.lens_sigma)
    column, row = noise_at
    part = np.s_[row : row + camera.height_px, column : column + camera.width_px]
    more, less = stage.noise
    return np.asarray(cv2.subtract(cv2.add(image, more[part]), less[part]), np.uint8)


def _averaged(ground: Image, camera: Camera, exposures: Sequence[Sequence[Carton]]) -> Image:
    total = ground.copy()
    paint_cartons(total, camera, exposures[0])
    for count, cartons in enumerate(exposures[1:], start=1):
        canvas = ground.copy()
        paint_cartons(canvas, camera, cartons)
        total = np.asarray(cv2.addWeighted(total, count / (count + 1), canvas, 1 / (count + 1), 0), np.uint8)
    return total


def _paint_belt(canvas: Image, camera: Camera, belt: MovingBelt, moved_cm: float) -> None:
    share = (moved_cm % belt.period_cm) / belt.period_cm
    step = round(share * belt.texture.shape[1])
    paint_plane(canvas, camera, belt.plane, np.roll(belt.texture, step, axis=1))


def label_boxes(
    camera: Camera, cartons: Sequence[Carton], *, least_px: float = 3.0, least_share: float = 0.3
) -> tuple[LabelledBox, ...]:
    """Return what a detector should find.

    A carton counts with at least `least_share` of its outline to see, or when what is seen of it fills 3 % of the
    picture (a large carton that the picture's edge cuts is still plainly there); a code with at least half of it.
    Boxes are those of the projected outlines, clipped to the picture and, where something nearer hides an edge, drawn
    in to what is left to see.

    Args:
        camera: The camera.
        cartons: All boxes of the scene, obstacles too.
        least_px: Boxes with a side shorter than this are left out.
        least_share: Of a carton's outline; 0 to 1.
    """
    ids, outlines = who_is_seen(camera, cartons)
    found: list[LabelledBox] = []
    for index, carton in enumerate(cartons):
        if carton.labelled:
            sight = look(ids, index + 1, outlines[index])
            large = sight.pixels >= 0.03 * ids.size
            if sight.xyxy is not None and (sight.share >= least_share or large):
                found.append(LabelledBox(CARTON, sight.xyxy, carton.number, sight.outline))
        for code in carton.codes:
            if not carton.block.plane(code.side).is_seen_from(camera.position):
                continue
            sight = look(ids, index + 1, remaining_quad(camera, carton.block, code))
            if sight.xyxy is not None and sight.share >= 0.5:
                kind = BARCODE if code.symbology.linear else QR
                found.append(LabelledBox(kind, sight.xyxy, carton.number, sight.outline, code.text))
    return tuple(box for box in found if min(box.xyxy[2] - box.xyxy[0], box.xyxy[3] - box.xyxy[1]) >= least_px)


def who_is_seen(camera: Camera, cartons: Sequence[Carton]) -> tuple[Image, list[Floats]]:
    """Return a picture (H, W) of which carton is seen where, 1 for the first and 0 for none, and all their outlines."""
    ids = np.zeros((camera.height_px, camera.width_px), np.uint8)
    outlines = [silhouette(camera, carton.block) for carton in cartons]
    for index in painting_order(camera, [carton.block for carton in cartons]):
        fill_polygon(ids, outlines[index], index + 1)
    return ids, outlines


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen of a thing: its share (outside the picture counts as not seen), pixels, their box and outline."""

    share: float
    pixels: int
    xyxy: tuple[float, float, float, float] | None
    outline: Outline = ()


def look(ids: Image, value: int, outline: Floats) -> Sight:
    """Return what is seen of an outline (N,2) in a picture of ids (H, W) where `value` marks what is not hidden."""
    height, width = ids.shape
    low = np.clip(outline.min(axis=0), 0, (width, height))
    high = np.clip(outline.max(axis=0), 0, (width, height))
    left, top = (int(edge) for edge in np.floor(low))
    right, bottom = (int(edge) for edge in np.ceil(high))
    mask = np.zeros((bottom - top, right - left), np.uint8)
    if mask.size == 0:
        return Sight(0.0, 0, None)
    fill_polygon(mask, outline - (left, top), 255)
    seen = (ids[top:bottom, left:right] == value) & (mask > 0)
    pixels = int(np.count_nonzero(seen))
    area = float(cv2.contourArea(outline.astype(np.float32)))
    if pixels == 0 or area <= 0:
        return Sight(0.0, 0, None)
    columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    first = np.array([left + columns[0], top + rows[0]], np.float64)
    last = np.array([left + columns[-1] + 1, top + rows[-1] + 1], np.float64)
    # The painted ids are only good to a pixel; they decide where something nearer hides more than that.
    drawn_in = bool((first - low > 2).any() or (high - last > 2).any())
    low, high = np.where(first - low > 2, first, low), np.where(high - last > 2, last, high)
    xyxy = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    hidden = drawn_in or pixels < _WHOLE * int(np.count_nonzero(mask))
    around = seen_outline(outline, seen, (left, top), hidden=hidden)
    return Sight(min(1.0, pixels / area), pixels, xyxy, around)
