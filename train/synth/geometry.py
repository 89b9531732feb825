"""A pinhole camera and upright boxes, so that every label's box is computed from the scene and never guessed.

World: centimetres, x along the belt's travel, y across it away from the camera, z up. Picture: continuous pixel
coordinates, (0, 0) the outer corner of the first pixel, so that pixel centres lie at +0.5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import cv2
import numpy as np
import numpy.typing as npt

from train.synth.arrays import Floats

_LEAST_DEPTH_CM = 4.0  # nearer things would be seen through the lens's mount
TOUCHING_CM = 1e-6  # boxes that overlap by less than this stand side by side


class Side(str, Enum):
    """The faces of a box that a camera above can see."""

    TOP = "top"
    FRONT = "front"  # towards the camera, -y
    BACK = "back"
    LEFT = "left"  # -x
    RIGHT = "right"


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera: projection (3,4), position (3,) in cm, picture size in pixels."""

    projection: Floats
    position: Floats
    width_px: int
    height_px: int

    def project(self, points: Floats) -> Floats:
        """Return the picture coordinates (N,2) of world points (N,3) that lie before the camera."""
        homogeneous = points @ self.projection[:, :3].T + self.projection[:, 3]
        return homogeneous[:, :2] / homogeneous[:, 2:]

    def depth_cm(self, points: Floats) -> Floats:
        """Return how far before the camera world points (N,3) lie along its line of sight; negative behind it."""
        return points @ self.projection[2, :3] + self.projection[2, 3]


def look_at(
    target: Sequence[float],
    *,
    distance_cm: float,
    tilt: float,
    pan: float,
    roll: float,
    view_cm: float,
    size_px: tuple[int, int],
) -> Camera:
    """Place a camera that looks at `target`.

    Args:
        target: World point in the picture's centre, cm.
        distance_cm: From the camera to the target.
        tilt: Radians from looking straight down; below pi / 2.
        pan: Radians around the vertical; 0 looks along +y.
        roll: Radians around the line of sight.
        view_cm: Width of what the picture shows at the target's distance; together with the distance the focal length.
        size_px: Width and height of the picture.
    """
    width_px, height_px = size_px
    flat = np.array([math.sin(pan), math.cos(pan), 0.0])
    forward = flat * math.sin(tilt) - np.array([0.0, 0.0, math.cos(tilt)])
    level = np.array([math.cos(pan), -math.sin(pan), 0.0])
    below = np.cross(forward, level)
    right = level * math.cos(roll) + below * math.sin(roll)
    down = below * math.cos(roll) - level * math.sin(roll)
    position = np.asarray(target, np.float64) - forward * distance_cm
    focal = width_px * distance_cm / view_cm
    intrinsic = np.array([[focal, 0, width_px / 2], [0, focal, height_px / 2], [0, 0, 1]])
    rotation = np.stack([right, down, forward])
    projection = intrinsic @ np.column_stack([rotation, -rotation @ position])
    return Camera(projection, position, width_px, height_px)


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A rectangle in the world: its upper left corner as seen from outside, and its edges rightwards and downwards."""

    origin: Floats
    across: Floats
    down: Floats

    def at(self, points: Floats) -> Floats:
        """Return world points (N,3) of positions (N,2) on the rectangle, 0..1 each."""
        return self.origin + points[:, :1] * self.across + points[:, 1:] * self.down

    def corners(self) -> Floats:
        """Return the four corners (4,3), clockwise as seen from outside."""
        return self.at(UNIT_SQUARE)

    def is_seen_from(self, position: Floats) -> bool:
        """Say whether the outer side is turned to a position."""
        return bool(self.normal() @ (position - self.origin) > 0)

    def normal(self) -> Floats:
        """Return the outward normal (3,) of length 1."""
        (a, b, c), (d, e, f) = self.down.tolist(), self.across.tolist()
        outward = np.array([b * f - c * e, c * d - a * f, a * e - b * d])
        return outward / math.sqrt(float(outward @ outward))

    def homography(self, camera: Camera) -> Floats:
        """Return the map (3,3) from positions on the rectangle, 0..1 each, to continuous picture coordinates."""
        linear, shift = camera.projection[:, :3], camera.projection[:, 3]
        return np.column_stack([linear @ self.across, linear @ self.down, linear @ self.origin + shift])


UNIT_SQUARE: Floats = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclass(frozen=True, slots=True)
class Block:
    """An upright box: the centre of its bottom (x, y, z), its edges along x, y and z in cm, its yaw in radians."""

    x: float
    y: float
    z: float
    length: float
    width: float
    height: float
    yaw: float = 0.0

    def plane(self, side: Side) -> Plane:
        """Return one of the five faces that do not lie on the ground."""
        along = np.array([math.cos(self.yaw), math.sin(self.yaw), 0.0])
        beside = np.array([-math.sin(self.yaw), math.cos(self.yaw), 0.0])
        top = np.array([self.x, self.y, self.z + self.height])
        half_l, half_w = along * self.length / 2, beside * self.width / 2
        fall = np.array([0.0, 0.0, -self.height])
        match side:
            case Side.TOP:
                return Plane(top - half_l + half_w, 2 * half_l, -2 * half_w)
            case Side.FRONT:
                return Plane(top - half_l - half_w, 2 * half_l, fall)
            case Side.BACK:
                return Plane(top + half_l + half_w, -2 * half_l, fall)
            case Side.LEFT:
                return Plane(top - half_l + half_w, -2 * half_w, fall)
            case Side.RIGHT:
                return Plane(top + half_l - half_w, 2 * half_w, fall)

    def corners(self) -> Floats:
        """Return the eight corners (8,3)."""
        upper = self.plane(Side.TOP).corners()
        return np.vstack([upper, upper - np.array([0.0, 0.0, self.height])])


def in_view(camera: Camera, block: Block) -> bool:
    """Say whether a box and one as high again on top of it lie before the camera, and the box in the picture."""
    if (camera.depth_cm(replace(block, height=2 * block.height).corners()) < _LEAST_DEPTH_CM).any():
        return False
    points = camera.project(block.corners())
    return bool((points.max(axis=0) > 0).all() and (points.min(axis=0) < (camera.width_px, camera.height_px)).all())


def px_per_cm(camera: Camera, block: Block) -> float:
    """Return how many pixels a centimetre along x takes in the middle of a box."""
    middle = block.corners().mean(axis=0)
    first, second = camera.project(np.vstack([middle, middle + np.array([1.0, 0.0, 0.0])]))
    return float(np.linalg.norm(second - first))


def silhouette(camera: Camera, block: Block) -> Floats:
    """Return the outline (N,2) of a projected box, a convex polygon in continuous pixels."""
    points = camera.project(block.corners()).astype(np.float32)
    return np.asarray(cv2.convexHull(points), np.float64).reshape(-1, 2)


def painting_order(camera: Camera, blocks: Sequence[Block]) -> list[int]:
    """Return indices of non-overlapping boxes so that whatever hides another is painted after it."""
    corners = np.array([block.corners() for block in blocks]).reshape(-1, 8, 3)
    hides = _hides(camera, [[block.plane(side) for side in Side] for block in blocks], corners)
    distance = np.linalg.norm(corners.mean(axis=1) - camera.position, axis=1)
    order: list[int] = []
    left = np.ones(len(blocks), np.bool_)
    while left.any():
        free = left & ~hides[:, left].any(axis=1)
        candidates = np.flatnonzero(free if free.any() else left)
        chosen = max(candidates.tolist(), key=lambda index: (float(distance[index]), index))
        order.append(chosen)
        left[chosen] = False
    return order


def _hides(camera: Camera, planes: Sequence[Sequence[Plane]], corners: Floats) -> npt.NDArray[np.bool_]:
    """Return (N,N), whether a box can hide another: no face parts the two with the camera on the other's side.

    Args:
        camera: The camera.
        planes: For each box its faces.
        corners: (N,8,3), of each box.
    """
    count = len(planes)
    if count == 0:
        return np.zeros((0, 0), np.bool_)
    origins = np.array([[plane.origin for plane in faces] for faces in planes])
    normals = np.array([[plane.normal() for plane in faces] for faces in planes])
    offset = (origins * normals).sum(axis=2)
    seen = normals @ camera.position > offset
    # beyond[a, f, b]: all of box b lies on the outer side of face f of box a.
    beyond = (np.einsum("afx,bcx->afbc", normals, corners) > offset[:, :, None, None] - TOUCHING_CM).all(axis=3)
    for_owner = (beyond & ~seen[:, :, None]).any(axis=1)
    for_other = (beyond & seen[:, :, None]).any(axis=1)
    hides = ~(for_owner.T | for_other)
    np.fill_diagonal(hides, val=False)
    return hides


def spacing_px(homography: Floats, columns: float, rows: float, *, linear: bool) -> tuple[float, float]:
    """Return the least and the greatest pixels per module of a projected code.

    Args:
        homography: (3,3), from positions on the code, 0..1 each, to picture pixels.
        columns: Modules across.
        rows: Modules down; of a linear code its height in modules.
        linear: For a linear code what counts is the distance of neighbouring bar edges, measured at a right angle to
            them; for a matrix code the smaller singular value of the local map, its worst direction.
    """
    grid = np.array([[u, v] for u in (0.0, 0.5, 1.0) for v in (0.0, 0.5, 1.0)])
    values: list[float] = []
    for u, v in grid:
        x, y, w = homography @ np.array([u, v, 1.0])
        derivative = (homography[:2, :2] * w - np.outer([x, y], homography[2, :2])) / w**2
        local = derivative / np.array([columns, rows])
        if linear:
            values.append(abs(float(np.linalg.det(local))) / float(np.linalg.norm(local[:, 1])))
        else:
            values.append(float(np.linalg.svd(local, compute_uv=False)[-1]))
    return min(values), max(values)
