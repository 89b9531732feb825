"""What a camera gets to see of each parcel over a clip, by geometry alone: crossings, clear frames, pixels a module."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from train.synth.arrays import Floats, Image, fill_polygon
from train.synth.cartons import Carton, code_quad, module_px
from train.synth.codes import QUIET_MODULES
from train.synth.geometry import Camera, painting_order, silhouette

EDGE_PX = 2.0  # a code closer than this to the picture's edge is not wholly in view


@dataclass(frozen=True, slots=True)
class Observation:
    """What is seen of a parcel; meanings as in `edge.demo.truth.ParcelTruth`."""

    crossing_frames: tuple[int, ...]
    clear_frames: int
    least_module_px: float | None
    greatest_module_px: float | None


@dataclass(slots=True)
class _Notes:
    """What has been seen of a parcel up to some frame."""

    before_line: bool = True
    crossings: list[int] = field(default_factory=list[int])
    clear_frames: int = 0
    least_px: float | None = None
    greatest_px: float | None = None


def observe(camera: Camera, sights: Sequence[Sequence[Carton]], line_x: float) -> Mapping[int, Observation]:
    """Follow each carton through the frames.

    Args:
        camera: The camera.
        sights: For each frame the cartons in reach, where they are then. Each comes from the left of the line.
        line_x: The upright line, a share of the width from the left.

    Returns:
        What is seen of each carton, by its number.
    """
    notes: dict[int, _Notes] = {}
    for frame, cartons in enumerate(sights):
        outlines = [silhouette(camera, carton.block) for carton in cartons]
        ids = np.zeros((camera.height_px, camera.width_px), np.uint8)
        for index in painting_order(camera, [carton.block for carton in cartons]):
            fill_polygon(ids, outlines[index], index + 1)
        for index, carton in enumerate(cartons):
            note = notes.setdefault(carton.number, _Notes())
            before = _centre_x(outlines[index], camera.width_px) < line_x * camera.width_px
            if before != note.before_line:
                note.crossings.append(frame)
                note.before_line = before
            _note_code(note, camera, carton, ids, index + 1)
    return {
        number: Observation(
            tuple(note.crossings), note.clear_frames, _rounded(note.least_px), _rounded(note.greatest_px)
        )
        for number, note in notes.items()
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _centre_x(outline: Floats, width_px: int) -> float:
    """Return the middle of the visible part of an outline."""
    across = np.clip(outline[:, 0], 0, width_px)
    return float(across.min() + across.max()) / 2


def _note_code(note: _Notes, camera: Camera, carton: Carton, ids: Image, value: int) -> None:
    for code in carton.codes:
        if not carton.block.plane(code.side).is_seen_from(camera.position):
            continue
        quiet = QUIET_MODULES[code.symbology]
        quad = code_quad(camera, carton.block, code, (quiet, 0 if code.symbology.linear else quiet))
        if not _is_clear(ids, value, quad):
            continue
        least, greatest = module_px(camera, carton.block, code)
        note.greatest_px = greatest if note.greatest_px is None else max(note.greatest_px, greatest)
        if not note.crossings:
            note.clear_frames += 1
            note.least_px = least if note.least_px is None else min(note.least_px, least)


def _is_clear(ids: Image, value: int, quad: Floats) -> bool:
    """Say whether a quadrilateral (4,2) lies within the picture and shows nothing but `value`."""
    height, width = ids.shape
    if (quad < EDGE_PX).any() or (quad > np.array([width, height]) - EDGE_PX).any():
        return False
    left, top = (int(edge) for edge in np.floor(quad.min(axis=0)))
    right, bottom = (int(edge) for edge in np.ceil(quad.max(axis=0)))
    mask = np.zeros((bottom - top, right - left), np.uint8)
    fill_polygon(mask, quad - (left, top), 255)
    return bool((ids[top:bottom, left:right][mask > 0] == value).all())
