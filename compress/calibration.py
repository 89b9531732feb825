"""The pictures whose activations set the INT8 scales: drawn from the user's own training pictures, and recorded."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.groups import read_groups
from edge.evaluate.labels import read_labels
from edge.evaluate.tagged_set import TaggedSet
from edge.model.geometry import Bgr, Letterbox
from edge.model.picture import read_picture

_CAMERA = "camera"  # the heading of a set's groups


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """Pictures for calibration.

    Attributes:
        pictures: The files.
        digest: sha256 over their names and contents, in order.
        seed: Of the draw.
    """

    pictures: tuple[Path, ...]
    digest: str
    seed: int

    def tensors(self, height: int, width: int) -> Iterator[NDArray[np.uint8]]:
        """Yield each picture as the runtime gives it to the model, but for two pixels: (1, height, width, 3) uint8 BGR.

        A corner is black and its neighbour white: what bytes can be is known, and a range measured on pictures alone
        would take whatever is brighter than their mean maximum for the same.

        Raises:
            EdgekitError: A picture cannot be read.
        """
        for path in self.pictures:
            picture = read_picture(path)
            tensor = np.empty((1, height, width, 3), np.uint8)
            Letterbox.fit(picture.shape[1], picture.shape[0], width, height).draw(Bgr(picture), tensor[0])
            tensor[0, 0, 0], tensor[0, 0, 1] = 0, 255
            yield tensor


def draw_calibration(sets: Sequence[DetectionSet], count: int, seed: int) -> CalibrationSet:
    """Draw training pictures, as many from each set, and in each as many of every kind as it takes in turn.

    Pictures of one kind show the same classes, and come from the same camera where the set tells its cameras. So
    neither a small set, nor a rare class, nor a camera that gave few pictures is left out.

    Raises:
        EdgekitError: The sets hold no training picture, or a label cannot be read.
    """
    drawn = random.Random(seed)  # noqa: S311 - a draw of pictures, repeatable on purpose
    chosen: list[Path] = []
    for number, opened in enumerate(sets):
        share = count // len(sets) + (number < count % len(sets))
        groups = read_groups(opened.folder)
        by_kind: dict[Hashable, list[Path]] = defaultdict(list)
        for path in opened.pictures("train"):
            camera = groups.of(path.name, _CAMERA) if groups is not None else None
            by_kind[camera, _classes_in(opened, path)].append(path)
        chosen += _in_turn(list(by_kind.values()), share, drawn)
    if not chosen:
        raise EdgekitError("the sets hold no picture in images/train: calibration needs the pictures of the training")
    return _calibration_set(chosen, seed)


def _classes_in(opened: DetectionSet, picture: Path) -> frozenset[int]:
    """Return the classes that stand in a picture; a picture without a label file says nothing of them."""
    labels = opened.label_file(picture)
    if not labels.exists():
        return frozenset()
    return frozenset(label.class_id for label in read_labels(labels, len(opened.description.classes)))


def _in_turn(kinds: Sequence[list[Path]], count: int, drawn: random.Random) -> list[Path]:
    """Return pictures, one of each kind in turn, each kind in an order of chance."""
    for kind in kinds:
        drawn.shuffle(kind)
    return [path for turn in zip_longest(*kinds) for path in turn if path is not None][:count]


def draw_tagged(sets: Sequence[TaggedSet], count: int, seed: int) -> CalibrationSet:
    """Draw training pictures of tagged sets, as many of each combination of tags as it takes in turn.

    Raises:
        EdgekitError: The sets hold no training picture.
    """
    drawn = random.Random(seed)  # noqa: S311 - a draw of pictures, repeatable on purpose
    by_tags: dict[Hashable, list[Path]] = defaultdict(list)
    for opened in sets:
        for picture in opened.part("train"):
            by_tags[opened.description.name, picture.tags].append(picture.path)
    chosen = _in_turn(list(by_tags.values()), count, drawn)
    if not chosen:
        raise EdgekitError("the sets hold no picture of the part train: calibration needs the pictures of the training")
    return _calibration_set(chosen, seed)


def _calibration_set(chosen: Sequence[Path], seed: int) -> CalibrationSet:
    total = hashlib.sha256()
    for path in chosen:
        total.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return CalibrationSet(tuple(chosen), total.hexdigest(), seed)
