"""Training pictures as a box will show them to the network: fitted into the very input that is exported.

ultralytics scales by the longer side alone, pads a validation picture by half a stride, and takes a picture that it
cannot read for the end of the training.
"""

import logging
from pathlib import Path
from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
import cv2
import numpy as np
from numpy.typing import NDArray
from ultralytics.data.augment import RandomPerspective
from ultralytics.data.dataset import YOLODataset
from ultralytics.utils import colorstr

from devices.errors import EdgekitError
from edge.model.geometry import Letterbox
from edge.model.picture import read_picture

_LOG = logging.getLogger(__name__)


class UnreadPictures:
    """The pictures that could be read when a training began, and no more since.

    Args:
        skip_bad: Whether the training goes on without them.
    """

    def __init__(self, *, skip_bad: bool) -> None:
        self._skip_bad = skip_bad
        self.reasons: dict[str, str] = {}

    def note(self, picture: str, exc: EdgekitError) -> None:
        """Take down a picture that cannot be read.

        Raises:
            EdgekitError: The training is not to go on without it.
        """
        if not self._skip_bad:
            raise EdgekitError(
                f"{exc}; it could be read when the training began: mend it, then go on with --resume, or with "
                "--resume --skip-bad to leave such pictures out"
            ) from exc
        if picture not in self.reasons:
            self.reasons[picture] = str(exc)
            _LOG.warning("left out from now on: %s", exc)


class FittedDataset(YOLODataset):
    """A dataset whose pictures fit into the input; in val they lie in it as the runtime's letterbox lays them.

    Args:
        pictures: Folders.
        options: Of the trainer, as ultralytics names them.
        data: What it says of the classes.
        size: Rows and columns of the input.
        batch: Pictures in a step.
        augment: Whether it is varied, to train on.
        unread: Takes down pictures that cannot be read.
    """

    def __init__(
        self,
        pictures: Any,
        options: Any,
        data: Any,
        *,
        size: tuple[int, int],
        batch: int | None,
        augment: bool,
        unread: UnreadPictures,
    ) -> None:
        self._size = size
        self._unread = unread
        side: Any = max(size) if augment else size  # mosaics are square; what is validated has the size of the input
        super().__init__(
            img_path=pictures,
            imgsz=side,
            batch_size=batch,
            augment=augment,
            hyp=options,
            cache=options.cache or None,
            prefix=colorstr("train: " if augment else "val: "),
            task=options.task,
            data=data,
        )

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        """Return a picture with its labels; of another one where it cannot be read any more."""
        file = self.im_files[index]
        labelled = super().get_image_and_label(index)
        return labelled if self.im_files[index] == file else super().get_image_and_label(index)

    def load_image(
        self,
        i: int,
        rect_mode: bool = True,  # noqa: FBT001, FBT002 - as ultralytics calls it
        resize_short: bool = False,  # noqa: FBT001, FBT002
    ) -> tuple[NDArray[np.uint8], tuple[int, int], tuple[int, int]]:
        """Return a picture (H, W, 3) uint8 BGR that fits into the input, its size before and after, rows first."""
        del rect_mode, resize_short
        kept: Any = self.ims[i]
        if kept is not None:
            before: Any = self.im_hw0[i]
            after: Any = self.im_hw[i]
            return kept, before, after
        picture = self._read(i)
        height, width = picture.shape[:2]
        box = Letterbox.fit(width, height, self._size[1], self._size[0])
        scaled = np.asarray(cv2.resize(picture, (box.width, box.height), interpolation=cv2.INTER_LINEAR), np.uint8)
        return scaled, (height, width), (box.height, box.width)

    def _read(self, i: int) -> NDArray[np.uint8]:
        """Return a picture, or the next one that can be read; its labels go with it."""
        for step in range(len(self.im_files)):
            at = (i + step) % len(self.im_files)
            try:
                picture = read_picture(Path(self.im_files[at]))
            except EdgekitError as exc:
                self._unread.note(self.im_files[at], exc)
                continue
            if at != i:
                self.labels[i] = {**self.labels[at]}
                self.im_files[i] = self.im_files[at]
            return picture
        raise EdgekitError("none of the pictures can be read any more")

    def build_transforms(self, hyp: Any = None) -> Any:
        """Return the steps from a picture to what the network sees, of the input's own size."""
        transforms = super().build_transforms(hyp)
        height, width = self._size
        for step in steps_of(transforms):
            if isinstance(step, RandomPerspective):
                step.size = (width, height)
        return transforms


def steps_of(transforms: Any) -> list[Any]:
    """Return every step of a dataset's transforms, nested ones too."""
    found: list[Any] = []
    for step in getattr(transforms, "transforms", []):
        found.append(step)
        found += steps_of(step)
        found += steps_of(getattr(step, "pre_transform", None))
    return found
