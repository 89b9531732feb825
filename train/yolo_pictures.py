"""How ultralytics' loader draws and varies training pictures, where the kit wants it otherwise."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
import numpy as np
import torch
from numpy.typing import NDArray
from ultralytics.data.augment import BaseMixTransform
from ultralytics.utils import RANK

from train.balance import picture_weights
from train.disturbance import Disturbance
from train.fitted_pictures import steps_of
from train.settings import TrainSettings

Labelled = Callable[[str], frozenset[int]]


def adapt(dataset: Any, labelled: Labelled, settings: TrainSettings) -> None:
    """Change a dataset's transforms, which ultralytics may have built anew.

    Mixing stays among pictures with the same labelled classes; noise and blur come last, on what the net would see.
    """
    weights = _weights(dataset, settings)
    groups: dict[frozenset[int], list[int]] = {}
    for index, picture in enumerate(dataset.im_files):
        groups.setdefault(labelled(picture), []).append(index)

    def partners(picture: str, count: int) -> list[int]:
        allowed = groups[labelled(picture)]
        return random.choices(allowed, weights[allowed].tolist(), k=count)  # noqa: S311 - seeded by the trainer

    for transform in steps_of(dataset.transforms):
        if isinstance(transform, BaseMixTransform):
            _mix_within(transform, partners)
    if settings.noise > 0 or settings.blur > 0:
        # Before the last step, which makes tensors of pictures.
        steps: list[Any] = dataset.transforms.transforms
        steps.insert(len(steps) - 1, Disturbance(settings.noise, settings.blur))


class WeightedShare(torch.utils.data.WeightedRandomSampler):
    """Draws one process's share of an epoch's pictures."""

    def set_epoch(self, epoch: int) -> None:
        """Take that a new epoch begins: what is drawn goes on from where it was."""
        del epoch


def draw_by_weight(loader: Any, settings: TrainSettings) -> None:
    """Let a loader draw pictures with replacement, those of rare classes more often; each process draws its share."""
    weights = torch.from_numpy(_weights(loader.dataset, settings))
    seeded = torch.Generator().manual_seed(settings.seed + max(RANK, 0))
    sampler = WeightedShare(weights.tolist(), -(-len(weights) // settings.processes), generator=seeded)
    loader.batch_sampler.sampler.sampler = sampler  # of the batches that are repeated without end
    object.__setattr__(loader, "sampler", sampler)  # a loader refuses the plain way; the trainer asks its length
    loader.reset()


def _weights(dataset: Any, settings: TrainSettings) -> NDArray[np.float64]:
    classes = [{int(class_id) for class_id in label["cls"].flatten()} for label in dataset.labels]
    return picture_weights(classes, settings.balanced_sampling)


def _mix_within(transform: Any, partners: Callable[[str, int], Sequence[int]]) -> None:
    """Make a mixing transform choose its partners among those allowed for the picture at hand."""
    stock = transform.get_params
    # Not asked of `get_indexes`: where memory does not hold all pictures, it draws from those read so far, none as yet.
    count = getattr(transform, "n", 2) - 1

    def get_params(labels: dict[str, Any]) -> dict[str, Any]:
        chosen = partners(labels["im_file"], count)
        transform.get_indexes = lambda: chosen
        return stock(labels)

    transform.get_params = get_params
