"""Series of pictures: what was taken of a product at one place, one after the other, found by what a network sees.

Thumbnails tell that two pictures are nearly the same. They do not tell that both show a carton in the same hand above
the same cart, and a network that learnt one of the two knows the other.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from edge.evaluate.tagged_set import TaggedPicture
from edge.model.picture import read_picture
from train.classifier.backbones import create_backbone
from train.classifier.familiarity import directions_of
from train.classifier.settings import NetworkSettings

_PX = 160
_BATCH = 64


def series_of(pictures: Sequence[TaggedPicture], most: int) -> list[list[int]]:
    """Return which pictures are of one series, by index: those of the same tags that look most alike.

    The pictures of each combination of tags fall into as many series as are asked for, or less where there are fewer
    pictures: where a series ends is a matter of degree, and so no combination is of fewer series than it has to be.

    Args:
        pictures: All of them, in a fixed order.
        most: Series of one combination of tags.

    Raises:
        EdgekitError: A picture cannot be read.

    Source: Ward, Hierarchical Grouping to Optimize an Objective Function, 1963; features of ImageNet's network, of unit
    length.
    """
    by_tags: dict[object, list[int]] = defaultdict(list)
    for index, picture in enumerate(pictures):
        by_tags[picture.tags].append(index)
    seen = _seen(pictures)
    return [series for members in by_tags.values() for series in _parted(seen, members, most)]


def _parted(seen: NDArray[np.float64], members: list[int], most: int) -> Iterator[list[int]]:
    """Yield the series of some pictures that have the same tags."""
    if len(members) <= most:
        yield from ([member] for member in members)
        return
    numbers = fcluster(linkage(seen[members], "ward"), most, "maxclust")
    for number in np.unique(numbers):
        yield [member for member, own in zip(members, numbers, strict=True) if own == number]


@torch.no_grad()
def _seen(pictures: Sequence[TaggedPicture]) -> NDArray[np.float64]:
    """Return where the features of pictures point: (N, width), in f32 so that machines agree on them."""
    with torch.random.fork_rng(devices=[]):  # a training's own draws stay as they would be
        torch.manual_seed(0)
        backbone = create_backbone(NetworkSettings())
    module = backbone.module.eval()
    mean, std = (torch.tensor(values)[:, None, None] for values in (backbone.mean, backbone.std))
    rows: list[torch.Tensor] = []
    for begin in range(0, len(pictures), _BATCH):
        images = [_small(picture) for picture in pictures[begin : begin + _BATCH]]
        batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
        rows.append(directions_of(module((batch - mean) / std)))
    return torch.cat(rows).double().numpy()


def _small(picture: TaggedPicture) -> NDArray[np.uint8]:
    """Return a picture squeezed into a small square, RGB."""
    small = cv2.resize(read_picture(picture.path), (_PX, _PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)
