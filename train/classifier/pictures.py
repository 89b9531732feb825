"""The pictures of a training in memory, letterboxed to one size, with their targets."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedPicture
from edge.model.geometry import Bgr, Letterbox
from edge.model.picture import read_picture
from edge.model.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures and what they are tagged with.

    Attributes:
        images: (N, 3, side, side) uint8 RGB.
        targets: (N, columns) float32: 1 where a picture has a value, else 0.
        tagged: The rows that they were made from.
    """

    images: torch.Tensor
    targets: torch.Tensor
    tagged: tuple[TaggedPicture, ...]

    def __len__(self) -> int:
        """Return how many."""
        return len(self.tagged)


def read_pictures(
    tagged: Sequence[TaggedPicture], taxonomy: Taxonomy, side: int, *, skip_bad: bool = False
) -> tuple[Pictures, tuple[str, ...]]:
    """Read pictures as a box would give them to the model.

    Args:
        tagged: Which.
        taxonomy: Gives the columns.
        side: Rows and columns that they are letterboxed to.
        skip_bad: Leave out what cannot be read, instead of refusing.

    Returns:
        The pictures, and what was left out, with the reason.

    Raises:
        EdgekitError: A picture cannot be read, or none is left.
    """
    images = np.empty((len(tagged), side, side, 3), np.uint8)
    kept: list[TaggedPicture] = []
    skipped: list[str] = []
    for picture in tagged:
        try:
            image = read_picture(picture.path)
        except EdgekitError as exc:
            if not skip_bad:
                raise EdgekitError(f"{exc}; mend it, or leave such pictures out with --skip-bad") from exc
            skipped.append(str(exc))
            continue
        Letterbox.fit(image.shape[1], image.shape[0], side, side).draw(Bgr(image), images[len(kept)])
        cv2.cvtColor(images[len(kept)], cv2.COLOR_BGR2RGB, dst=images[len(kept)])
        kept.append(picture)
    if not kept:
        raise EdgekitError("none of the pictures can be read: there is nothing to learn from")
    tensor = torch.from_numpy(images[: len(kept)]).permute(0, 3, 1, 2)  # a view: channels stay last in memory
    return Pictures(tensor, _targets(kept, taxonomy), tuple(kept)), tuple(skipped)


def _targets(tagged: Sequence[TaggedPicture], taxonomy: Taxonomy) -> torch.Tensor:
    targets = torch.zeros(len(tagged), taxonomy.columns)
    for row, picture in enumerate(tagged):
        begin = 0
        for attribute, indices in zip(taxonomy.learnt, picture.tags, strict=True):
            for index in indices:
                targets[row, begin + index] = 1
            begin += len(attribute.values)
    return targets


def smoothed(targets: torch.Tensor, taxonomy: Taxonomy, share: float) -> torch.Tensor:
    """Return targets of which a share is spread over all values of each attribute.

    Source: Szegedy et al., Rethinking the Inception Architecture, 2016, section 7.
    """
    widths = [len(attribute.values) for attribute in taxonomy.learnt]
    parts = [
        part * (1 - share) + (share / 2 if attribute.multiple else share / part.shape[1])
        for part, attribute in zip(targets.split(widths, dim=1), taxonomy.learnt, strict=True)
    ]
    return torch.cat(parts, dim=1)
