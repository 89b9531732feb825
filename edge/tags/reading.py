"""Which labels are looked at in a frame: reading has a bounded cost, and what nears the line goes first."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections
from edge.tags.ballot import Ballot, LabelEvidence
from edge.tags.codes import CodeReader, Piece, cut
from edge.tags.events import NoReadReason, Xyxy
from edge.tags.fields import FIELDS
from edge.tags.looks import Gray
from edge.tags.tracker import Tracks

LOOKS_A_FRAME = 2
WHOLE_PARCEL_EVERY = 4  # frames between two looks at a parcel on which no label region was found
# Modules along the longer side that a typical code has; good enough to tell too small from big enough.
_TYPICAL_MODULES = {"barcode": 100.0, "qr": 22.0}
LABELS = frozenset(_TYPICAL_MODULES)
PRINTED = LABELS | frozenset(FIELDS)  # what stands on parcels and products, and is none itself
_SATURATED = 250
# Beside a text that is sure, weaker regions are mostly pictograms, and not worth a look.
_SECOND_LABEL_SCORE = 0.5


@dataclass(slots=True)
class ParcelLabels:
    """What is known of the labels of one parcel."""

    ballot: Ballot
    evidence: LabelEvidence = field(default_factory=LabelEvidence)
    looks: int = 0
    frames: int = 0

    @property
    def reason(self) -> NoReadReason:
        """Why there is no text."""
        return self.evidence.reason(any_votes=self.ballot.any_votes)


@dataclass(frozen=True, slots=True)
class Label:
    """A label region, or a printed field, that was found in a frame.

    Attributes:
        kind: One of `LABELS` or `FIELDS`.
        score: 0 to 1.
        xyxy: (4,) float32, pixels of the frame.
    """

    kind: str
    score: float
    xyxy: NDArray[np.float32]


def open_labels(labels: Sequence[Label], box: Xyxy, ballot: Ballot) -> list[Label]:
    """Return the label regions of a parcel whose text is not known: all, as long as none is.

    A second label may bear a second text, and be another parcel's in the same box.

    Args:
        labels: Of the parcel.
        box: Of the parcel.
        ballot: What was read on it.
    """
    texts = ballot.texts
    if not texts:
        return list(labels)
    left, top, right, bottom = box
    still: list[Label] = []
    for label in labels:
        x, y = (float(value) for value in (label.xyxy[:2] + label.xyxy[2:]) / 2)
        place = (x - left) / max(right - left, 1.0), (y - top) / max(bottom - top, 1.0)
        if label.score >= _SECOND_LABEL_SCORE and not any(text.near(*place) for text in texts):
            still.append(label)
    return still


def labels_by_row(
    boxes: NDArray[np.float32], detections: Detections, classes: Sequence[str], kinds: Collection[str] = LABELS
) -> dict[int, list[Label]]:
    """Give each label region to exactly one parcel: the one whose box holds its middle, the nearest of several.

    Args:
        boxes: (N, 4) xyxy of the parcels in this frame, pixels.
        detections: Everything that the detector found in it.
        classes: Names by class id.
        kinds: Classes that are wanted: codes, or fields.

    Returns:
        Label regions by row of `boxes`, best score first.
    """
    owned: dict[int, list[Label]] = {}
    for row in range(len(detections)):
        kind = classes[int(detections.class_id[row])]
        if kind not in kinds:
            continue
        box = detections.xyxy[row]
        owner = _owner(boxes, (box[:2] + box[2:]) / 2)
        if owner is not None:
            owned.setdefault(owner, []).append(Label(kind, float(detections.score[row]), box))
    return owned


def _owner(boxes: NDArray[np.float32], point: NDArray[np.float32]) -> int | None:
    """Return the row of the box that holds a point, nearest middle first; None where none does."""
    holds = (boxes[:, :2] <= point).all(axis=1) & (point <= boxes[:, 2:]).all(axis=1)
    if not holds.any():
        return None
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], 1)
    away = np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 - point) / sizes
    distance = np.where(holds, away.max(axis=1), np.inf)
    return int(distance.argmin())


class LabelReader:
    """Looks at a few labels a frame and lets what it reads vote.

    Args:
        reader: Reads codes in a piece of a frame.
        looks_a_frame: Calls of the reader in one frame, over all parcels.
    """

    def __init__(self, reader: CodeReader, looks_a_frame: int = LOOKS_A_FRAME) -> None:
        self._reader = reader
        self._looks_a_frame = looks_a_frame

    def look(
        self,
        image: NDArray[np.uint8],
        tracks: Tracks,
        labels: dict[int, list[Label]],
        parcels: Sequence[tuple[int, ParcelLabels]],
    ) -> None:
        """Look at the labels of a frame's parcels.

        Args:
            image: (H, W, 3) uint8 BGR, the frame.
            tracks: Its parcels.
            labels: Their label regions by row of `tracks`.
            parcels: Row and votes of the parcels that still need a text or may bear another, most urgent first.
        """
        looks = self._looks_a_frame
        for row, parcel in parcels:
            parcel.frames += 1
            for piece, label in self._pieces(image, tracks.detections.xyxy[row], labels.get(row, ()), parcel):
                if label is not None:
                    parcel.evidence.add(*_quality(piece, label))
                if looks == 0:
                    return
                looks -= 1
                self._count(piece, row, tracks, parcel)

    def _pieces(
        self, image: NDArray[np.uint8], box: NDArray[np.float32], labels: Sequence[Label], parcel: ParcelLabels
    ) -> Iterator[tuple[Piece, Label | None]]:
        left, top, right, bottom = (float(value) for value in box)
        for label in open_labels(labels, (left, top, right, bottom), parcel.ballot):
            yield cut(image, label.xyxy), label
        if not labels and parcel.frames % WHOLE_PARCEL_EVERY == 0:
            yield cut(image, box, margin=False), None

    def _count(self, piece: Piece, row: int, tracks: Tracks, parcel: ParcelLabels) -> None:
        boxes = tracks.detections.xyxy
        reads = self._reader.read(piece, parcel.looks)
        parcel.looks += 1
        for read in reads:
            # A piece reaches over the parcel's edge: what lies on its neighbour is its neighbour's.
            if _owner(boxes, np.array([read.x, read.y], np.float32)) != row:
                continue
            if read.sound:
                left, top, right, bottom = (float(value) for value in boxes[row])
                parcel.ballot.vote(read, (left, top, right, bottom))
            else:
                parcel.evidence.add_unsound(read.text)


def _quality(piece: Piece, label: Label) -> tuple[float, float, float]:
    """Return pixels a module, sharpness and share of saturated pixels of a label region."""
    size = label.xyxy[2:] - label.xyxy[:2]
    along = float(size.max()) if label.kind == "barcode" else float(size.min())
    return along / _TYPICAL_MODULES[label.kind], *sharpness_and_glare(piece.gray)


def sharpness_and_glare(gray: Gray) -> tuple[float, float]:
    """Return how sharp a piece of a picture (H, W) uint8 is, and which share of it is saturated.

    Sharpness is the spread of the Laplacian over the spread of the brightness: it does not grow with contrast alone.
    """
    contrast = max(float(gray.std()), 1.0)
    sharpness = float(cv2.Laplacian(gray, cv2.CV_32F).std()) / contrast
    return sharpness, float(np.count_nonzero(gray >= _SATURATED)) / gray.size
