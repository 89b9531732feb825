"""What a classifier has never seen gets no score, and what it learnt keeps its own."""

from pathlib import Path

import torch

from edge.evaluate.tagged_set import TaggedPicture
from train.classifier.familiarity import MOST_PICTURES, examples_of_values, fit_familiarity

GENERATOR = torch.Generator().manual_seed(3)


def around(direction: list[float], count: int, spread: float = 0.1) -> torch.Tensor:
    return torch.tensor(direction) + spread * torch.randn(count, len(direction), generator=GENERATOR)


def test_a_stranger_keeps_no_score_though_it_lies_between_what_was_learnt_and_a_kept_out_picture_keeps_all():
    learnt = torch.cat([around([1, 0, 0, 0], 20), around([0, 1, 0, 0], 20)])
    targets = torch.eye(3)[[0] * 20 + [1] * 20]  # nothing shows the third value
    held = torch.cat([around([2, 0, 0, 0], 50), around([0, 3, 0, 0], 50)])  # longer features, the same directions
    familiarity = fit_familiarity(learnt, targets, held)
    assert familiarity.prototypes.shape == (4, 2)

    def kept(features: torch.Tensor) -> torch.Tensor:
        return familiarity(features / features.norm(dim=1, keepdim=True)).flatten()

    assert (kept(held) > 0.5).float().mean() >= 0.96
    assert kept(held).median() > 0.99
    assert (kept(around([0, 0, 1, 0], 30)) < 1e-3).all()
    assert (kept(around([-1, 0, 0, 0], 30)) < 1e-3).all()


def test_pictures_that_are_all_alike_leave_a_bound_that_they_keep():
    same = torch.ones(4, 8)
    familiarity = fit_familiarity(same, torch.ones(4, 1), same)
    share = familiarity(same / same.norm(dim=1, keepdim=True))
    assert torch.isfinite(share).all()
    assert (share >= 0.5).all()


def test_each_value_has_its_examples_from_the_whole_of_its_pictures():
    pictures = [
        TaggedPicture(Path(f"{index}.jpg"), "train", "", ((index % 2,), (0,) if index < 3 else ()))
        for index in range(100)
    ]
    chosen = examples_of_values(pictures)
    for attribute, value in ((0, 0), (0, 1), (1, 0)):
        showing = [picture for picture in chosen if value in picture.tags[attribute]]
        whole = [picture for picture in pictures if value in picture.tags[attribute]]
        assert len(showing) >= min(MOST_PICTURES, len(whole))
    assert len(chosen) <= 2 * MOST_PICTURES + 3
    assert int(chosen[MOST_PICTURES - 1].path.stem) > 80
