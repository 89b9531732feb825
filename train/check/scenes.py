"""Pictures of one scene from different places, found by points that agree: what a moving camera sees, thumbnails miss.

ORB points of two pictures are matched, and those counted that agree on one shift, turn and scale. Not all pairs are
tried: each picture is held against those with the most alike colours and the most alike thumbnails. That finds the
    scene, not
every pair of it, which is what grouping needs. Deterministic: OpenCV's RANSAC begins with the same seed each time.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_SIDE = 400
NEIGHBOURS = 8  # of each kind; with 12 warehouse-boxes falls into as many scenes
_POINTS = 400
_GLANCE = 0.25
_FAR = 50  # of 256 bits: descriptors further apart are of different points
_TOLERANCE_PX = 4.0
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Points:
    """Points of a picture that can be found again.

    Attributes:
        at: (K, 2) float32, pixels of the picture at `LONG_SIDE`.
        descriptors: (K, 32) uint8.
        glance: The picture at a quarter of that size, (h, w) uint8 grey.
    """

    at: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    glance: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SceneMatch:
    """Two pictures of one scene, by index, the first the lower.

    Attributes:
        first: Index.
        second: Index.
        points: How many agree.
        overlap: Of both pictures, the share that the other one shows too, 0 to 1.
        likeness: Correlation of the two where they overlap: low where a thing is the same and its surroundings are not.
    """

    first: int
    second: int
    points: int
    overlap: float
    likeness: float


def find_points(grey: NDArray[np.uint8]) -> Points:
    """Return the points of a grey picture."""
    scale = min(1.0, LONG_SIDE / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    # A low threshold, so that dim pictures have points too.
    found, descriptors = cv2.ORB_create(_POINTS, fastThreshold=10).detectAndCompute(small, None)  # pyright: ignore[reportAttributeAccessIssue]
    glance = cv2.resize(small, None, fx=_GLANCE, fy=_GLANCE, interpolation=cv2.INTER_AREA)
    at = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    none = np.zeros((0, 32), np.uint8)
    return Points(at, none if descriptors is None else np.asarray(descriptors, np.uint8), np.asarray(glance, np.uint8))


def colours(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the square roots (512,) of a picture's colour shares, Lab in steps of 32: their product tells likeness."""
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)
    shares = cv2.calcHist([lab], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3).ravel()
    return np.sqrt(shares / max(1.0, float(shares.sum()))).astype(np.float32)


def same_scenes(
    points: Sequence[Points],
    views: Sequence[NDArray[np.float32]],
    at_least: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[SceneMatch]:
    """Return pairs of pictures of one scene, by index.

    Args:
        points: Of N pictures.
        views: Each (N, D): rows whose products tell how alike two pictures are at a glance.
        at_least: Points that have to agree.
        advance: Called with how many of N pictures were done since the last call.
    """
    candidates = [
        (first, second)
        for first, second in sorted(set[tuple[int, int]]().union(*(_nearest(view) for view in views)))
        if min(len(points[first].at), len(points[second].at)) >= at_least
    ]
    found: list[SceneMatch] = []
    done = 0

    def try_pair(pair: tuple[int, int]) -> SceneMatch | None:
        return _match(points, pair[0], pair[1], at_least)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        tried = pool.map(try_pair, candidates)
        for number, match in enumerate(tried, start=1):
            found += [match] if match else []
            now = number * len(points) // len(candidates)
            advance(now - done)
            done = now
    advance(len(points) - done)
    return found


def _nearest(view: NDArray[np.float32]) -> set[tuple[int, int]]:
    count = min(NEIGHBOURS, len(view) - 1)
    pairs: set[tuple[int, int]] = set()
    for begin in range(0, len(view), _ROWS_AT_ONCE):
        product = view[begin : begin + _ROWS_AT_ONCE] @ view.T
        rows = np.arange(len(product))
        product[rows, rows + begin] = -np.inf
        for row, nearest in enumerate(np.argsort(-product, axis=1, kind="stable")[:, :count].tolist()):
            pairs |= {(min(row + begin, other), max(row + begin, other)) for other in nearest}
    return pairs


def _match(points: Sequence[Points], first: int, second: int, at_least: int) -> SceneMatch | None:
    one, other = points[first], points[second]
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(one.descriptors, other.descriptors)
    near = [(match.queryIdx, match.trainIdx) for match in matches if match.distance <= _FAR]
    if len(near) < at_least:
        return None
    source, target = one.at[[row for row, _ in near]], other.at[[row for _, row in near]]
    transform, agree = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_TOLERANCE_PX, maxIters=500
    )
    if transform is None:  # pyright: ignore[reportUnnecessaryComparison] - OpenCV finds none, and says so
        return None
    inside = np.asarray(agree).ravel() > 0
    if int(inside.sum()) < at_least:
        return None
    overlap, likeness = _compare(one.glance, other.glance, np.asarray(transform, np.float64))
    return SceneMatch(first, second, int(inside.sum()), overlap, likeness)


def _compare(one: NDArray[np.uint8], other: NDArray[np.uint8], transform: NDArray[np.float64]) -> tuple[float, float]:
    """Lay one glance over the other; return which share of both they have in common, and its correlation."""
    moved = transform.copy()
    moved[:, 2] *= _GLANCE
    size = (other.shape[1], other.shape[0])
    common = cv2.warpAffine(np.ones_like(one), moved, size, flags=cv2.INTER_NEAREST) > 0
    growth = float(abs(np.linalg.det(moved[:, :2])))
    overlap = int(common.sum()) / max(other.size, one.size * growth)
    first = np.asarray(cv2.warpAffine(one, moved, size), np.float64)[common]
    second = other[common].astype(np.float64)
    first, second = first - first.mean(), second - second.mean()
    return overlap, float((first * second).sum() / max(1e-9, np.linalg.norm(first) * np.linalg.norm(second)))
