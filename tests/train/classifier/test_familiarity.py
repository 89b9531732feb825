"""What a classifier has never seen gets no score, and what it learnt keeps its own."""

from pathlib import Path

import torch

from edge.evaluate.tagged_set import TaggedPicture
from train.classifier.familiarity import (
    MOST_PICTURES,
    directions_of,
    examples_of_values,
    fit_familiarity,
    fit_likeness,
)

GENERATOR = torch.Generator().manual_seed(3)
WIDTH = 64


def around(axis: int, count: int, *, spread: float = 0.03, scale: float = 1.0) -> torch.Tensor:
    """Return features about an axis; along the last one they differ ten times as much as along the others."""
    features = spread * torch.randn(count, WIDTH, generator=GENERATOR)
    features[:, -1] *= 10
    features[:, axis] += 1
    return scale * features


def learnt() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.cat([around(0, 40), around(1, 40)]), torch.eye(3)[[0] * 40 + [1] * 40]  # nothing shows the third value


def held() -> torch.Tensor:
    return torch.cat([around(0, 50, scale=2), around(1, 50, scale=3)])  # longer features, the same directions


def test_a_stranger_keeps_no_score_though_it_lies_between_what_was_learnt_and_a_kept_out_picture_keeps_all():
    features, targets = learnt()
    kept_out = held()
    familiarity = fit_familiarity(features, targets, kept_out)

    def kept(features: torch.Tensor) -> torch.Tensor:
        return familiarity(directions_of(features)).flatten()

    assert (kept(kept_out) > 0.5).float().mean() >= 0.96
    assert kept(kept_out).median() > 0.98
    assert (kept(around(2, 30)) < 1e-2).all()
    assert (kept(-around(0, 30)) < 1e-3).all()


def test_nearness_is_one_at_a_mean_and_falls_by_half_a_squared_mahalanobis_distance():
    features, targets = learnt()
    directions = directions_of(features)
    likeness = fit_likeness(directions, targets)
    means = torch.stack([directions[:40].mean(dim=0), directions[40:].mean(dim=0)])
    stranger = directions_of(around(2, 5))
    ways = likeness.matrix[:, 2:]
    inverse = torch.eye(WIDTH) - ways @ ways.T
    assert torch.linalg.eigvalsh(inverse).min() > 0  # a distance in every direction
    rests = stranger[:, None] - means[None]
    distances = torch.einsum("nvw,wu,nvu->nv", rests, inverse, rests)
    assert torch.allclose(likeness(stranger), 1 - distances.amin(dim=1, keepdim=True) / 2, atol=1e-5)
    assert float(likeness(directions).max()) <= 1


def test_what_pictures_of_one_value_differ_in_takes_less_than_what_they_agree_in():
    likeness = fit_likeness(*learnt())
    mean = torch.nn.functional.one_hot(torch.tensor(0), WIDTH).float()
    aside = [torch.nn.functional.one_hot(torch.tensor(axis), WIDTH).float() for axis in (-1 % WIDTH, 30)]
    usual, unusual = (float(likeness(directions_of((mean + 0.3 * one)[None]))) for one in aside)
    assert usual > unusual + 0.03


def test_kept_out_pictures_that_are_all_alike_leave_room_for_rounding():
    features, targets = learnt()
    familiarity = fit_familiarity(features, targets, around(0, 10, spread=0))
    nearly = directions_of(around(0, 10, spread=0.01))
    assert (familiarity(nearly) > 0.95).all()


def test_values_of_one_picture_each_take_nothing_off_a_distance():
    directions = directions_of(torch.randn(3, WIDTH, generator=GENERATOR))
    likeness = fit_likeness(directions, torch.eye(3))
    other = directions_of(torch.randn(5, WIDTH, generator=GENERATOR))
    assert torch.allclose(likeness(other), (other @ directions.T).amax(dim=1, keepdim=True), atol=1e-5)


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
