"""Average precision over many draws of the same pictures: matched once, summed up anew for each draw.

Which detection belongs to which object is decided within a picture, so a draw of pictures changes nothing of it. All
that a draw needs is the order of its detections by score and the precision along it. Tests hold this against the
library that scores the drawn pictures as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.outlines import By
from edge.evaluate.picture_result import AveragePrecision, PictureResult
from edge.model.decode import MOST_DETECTIONS

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class Matches:
    """All detections of one class in P pictures, N rows, picture by picture and by falling score within each.

    Attributes:
        score: (N,) float32.
        rank: (N,) place of a detection's score among all scores, 0 for the highest; equal scores share theirs.
        right: (T, N) bool, whether it is an object's own at each of T overlaps.
        first: (P,) row at which a picture's detections begin.
        count: (P,) how many it has.
        objects: (P,) how many objects stand in it.
    """

    score: NDArray[np.float32]
    rank: NDArray[np.unsignedinteger]
    right: NDArray[np.bool_]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    objects: NDArray[np.int64]

    def average_precision(self, drawn: NDArray[np.int64]) -> AveragePrecision | None:
        """Return the score of a draw, pictures by index; None where none of them shows an object of the class.

        Source: Lin et al., Microsoft COCO, 2014; 101 recall points, precision made to fall monotonically.
        """
        objects = int(self.objects[drawn].sum())
        if objects == 0:
            return None
        count = self.count[drawn]
        ends = np.cumsum(count)
        rows = np.repeat(self.first[drawn] - (ends - count), count) + np.arange(int(count.sum()))
        # Stable: where scores are equal, the pictures' order in the draw decides, as it does in COCO's own scoring.
        ordered = rows[np.argsort(self.rank[rows], kind="stable")]
        by_overlap = [_area(right[ordered], objects) for right in self.right]
        return AveragePrecision(by_overlap[0], float(np.mean(by_overlap)))


def match(pictures: Sequence[PictureResult], class_id: int, by: By = "boxes") -> Matches:
    """Match the detections of a class with its objects, picture by picture, by their boxes or by their masks."""
    scores: list[NDArray[np.float32]] = []
    right: list[NDArray[np.bool_]] = []
    objects: list[int] = []
    for picture in pictures:
        of_class = np.flatnonzero(picture.found.class_id == class_id)
        best = of_class[np.argsort(-picture.found.score[of_class], kind="stable")][:MOST_DETECTIONS]
        truth = np.flatnonzero(picture.truth_class == class_id)
        scores.append(picture.found.score[best])
        if by == "masks" and picture.outlines is not None:
            overlaps = picture.outlines.overlaps(best, truth)
        else:
            overlaps = _overlaps(picture.found.xyxy[best], picture.truth_xyxy[truth])
        right.append(_assign(overlaps))
        objects.append(len(truth))
    count = np.array([len(one) for one in scores], np.int64)
    score = np.concatenate([*scores, np.zeros(0, np.float32)])
    rank = np.unique(-score, return_inverse=True)[1]
    return Matches(
        score=score,
        # 16 bits where they do: numpy sorts those by counting, several times faster.
        rank=rank.astype(np.min_scalar_type(max(0, rank.size - 1))),
        right=np.concatenate([*right, np.zeros((len(OVERLAPS), 0), np.bool_)], axis=1),
        first=np.cumsum(count) - count,
        count=count,
        objects=np.array(objects, np.int64),
    )


def _overlaps(found: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return intersection over union (N, M), from left, top, width and height as COCO takes it."""
    found_size, truth_size = ((boxes[:, 2:] - boxes[:, :2]).astype(np.float64) for boxes in (found, truth))
    found_low, truth_low = found[:, :2].astype(np.float64), truth[:, :2].astype(np.float64)
    high = np.minimum((found_low + found_size)[:, None], (truth_low + truth_size)[None])
    shared = (high - np.maximum(found_low[:, None], truth_low[None])).clip(0).prod(axis=2)
    together = found_size.prod(axis=1)[:, None] + truth_size.prod(axis=1)[None] - shared
    return shared / np.maximum(together, np.finfo(np.float64).tiny)


def _assign(overlaps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Give each object to the surest detection that has none better; return (T, N) who got one.

    Args:
        overlaps: (N, M) of detections, surest first, and objects.
    """
    found, objects = overlaps.shape
    right = np.zeros((len(OVERLAPS), found), np.bool_)
    if objects == 0:
        return right
    free = np.ones((len(OVERLAPS), objects), np.bool_)
    at_least = np.minimum(OVERLAPS, 1 - 1e-10)[:, None]
    levels = np.arange(len(OVERLAPS))
    for row in np.flatnonzero(overlaps.max(axis=1) >= at_least[0, 0]):
        fitting = np.where(free & (overlaps[row] >= at_least), overlaps[row], -1.0)
        taken = objects - 1 - fitting[:, ::-1].argmax(axis=1)  # the last of equals, as COCO does
        got = fitting[levels, taken] >= 0
        free[levels[got], taken[got]] = False
        right[:, row] = got
    return right


def _area(right: NDArray[np.bool_], objects: int) -> float:
    """Return the mean precision at the recall points, for detections in falling order of score.

    Precision falls between two right ones, so that only they decide it.
    """
    places = np.flatnonzero(right)
    reached = np.arange(1, places.size + 1)
    precision = np.maximum.accumulate((reached / (places + 1))[::-1])[::-1]
    at = np.searchsorted(reached / objects, RECALLS, side="left")
    return float(np.append(precision, 0.0)[np.minimum(at, places.size)].mean())
