"""Series of pictures: what was taken of a product at one place, one after the other, found by what a network sees.

Thumbnails tell that two pictures are nearly the same. They do not tell that both show a carton in the same hand above
the same cart, and a network that learnt one of the two knows the other.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedPicture
from edge.model.picture import read_picture
from train.classifier.backbones import Backbone, create_backbone
from train.classifier.familiarity import directions_of
from train.classifier.settings import NetworkSettings

_PX = 160
_BATCH = 64
_MOST_OF_ONE = 15_000  # pictures of the same tags: Ward's linkage holds two distances of each with each, 2 GB of these


def series_of(pictures: Sequence[TaggedPicture], most: int) -> list[list[int]]:
    """Return which pictures are of one series, by index: those of the same tags that look most alike.

    The pictures of each combination of tags fall into as many series as are asked for, or less where fewer of them
    differ: where a series ends is a matter of degree, so it ends where as many remain as will be dealt out.

    Args:
        pictures: All of them, in a fixed order.
        most: Series of one combination of tags.

    Raises:
        EdgekitError: A picture cannot be read, or too many have the same tags.

    Source: Ward, Hierarchical Grouping to Optimize an Objective Function, 1963; features of ImageNet's network, of unit
    length.
    """
    by_tags: dict[object, list[int]] = defaultdict(list)
    for index, picture in enumerate(pictures):
        by_tags[picture.tags].append(index)
    return [series for members in by_tags.values() for series in _parted(pictures, members, most)]


def _parted(pictures: Sequence[TaggedPicture], members: list[int], most: int) -> Iterator[list[int]]:
    """Yield the series of those pictures that have the same tags."""
    if len(members) <= most:
        yield from ([member] for member in members)
        return
    if len(members) > _MOST_OF_ONE:
        raise EdgekitError(
            f"{len(members)} pictures like {pictures[members[0]].path} have the same tags, more than {_MOST_OF_ONE} "
            "whose series can be found by what they look like: name their series in the column group of tags.csv"
        )
    numbers = fcluster(linkage(_seen([pictures[member] for member in members]), "ward"), most, "maxclust")
    for number in np.unique(numbers):
        yield [member for member, own in zip(members, numbers, strict=True) if own == number]


@torch.no_grad()
def _seen(pictures: Sequence[TaggedPicture]) -> NDArray[np.float64]:
    """Return where the features of pictures point: (N, width), in f32, which hardly differs between processors."""
    backbone = _network()
    module = backbone.module.eval()
    mean, std = (torch.tensor(values)[:, None, None] for values in (backbone.mean, backbone.std))
    rows: list[torch.Tensor] = []
    for begin in range(0, len(pictures), _BATCH):
        images = [_small(picture) for picture in pictures[begin : begin + _BATCH]]
        batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
        rows.append(directions_of(module((batch - mean) / std)))
    return torch.cat(rows).double().numpy()


@cache
def _network() -> Backbone:
    with torch.random.fork_rng(devices=[]):  # a training's own draws stay as they would be
        torch.manual_seed(0)
        return create_backbone(NetworkSettings())


def _small(picture: TaggedPicture) -> NDArray[np.uint8]:
    """Return a picture squeezed into a small square, RGB."""
    small = cv2.resize(read_picture(picture.path), (_PX, _PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)
