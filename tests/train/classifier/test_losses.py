"""Losses have the properties that their papers give them."""

from typing import Literal

import pytest
import torch

from train.classifier.losses import DKD_BETA, decoupled, label_loss, teacher_loss

KINDS: tuple[Literal["kd", "dkd", "dist"], ...] = ("kd", "dkd", "dist")


def logits(seed: int, rows: int = 6, columns: int = 5) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_that_says_what_its_teacher_says_has_nothing_to_learn(kind: Literal["kd", "dkd", "dist"]):
    same = logits(0).requires_grad_()
    targets = torch.eye(5, dtype=torch.float64)[[0, 1, 2, 3, 4, 0]]
    loss = teacher_loss(kind, same, (same / 3).softmax(dim=1).detach(), targets, temperature=3)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    assert same.grad is not None
    assert float(same.grad.abs().max()) < 1e-6
    other = teacher_loss(kind, logits(1), (same / 3).softmax(dim=1).detach(), targets, temperature=3)
    assert float(other) > 0.01


def test_decoupled_parts_weighed_as_plain_distillation_does_make_it_up_again():
    # Zhao et al., 2022, equation 6: KD = TCKD + (1 - the teacher's share of the target) NCKD.
    student, teacher = logits(2, rows=1), logits(3, rows=1)
    taught = teacher.softmax(dim=1)
    target = torch.tensor([1])
    whole = teacher_loss("kd", student, taught, torch.eye(5, dtype=torch.float64)[target], temperature=1)
    own = float(taught[0, 1])
    scores = student.softmax(dim=1)
    of_target = own * (own / scores[0, 1]).log() + (1 - own) * ((1 - own) / (1 - scores[0, 1])).log()
    others = (decoupled(student, taught, target, 1) - of_target) / DKD_BETA
    assert float(of_target + (1 - own) * others) == pytest.approx(float(whole), rel=1e-6)


def test_dist_asks_for_the_relations_of_scores_and_not_for_their_size():
    taught = logits(4).softmax(dim=1)
    paler = 0.5 * taught + 0.1  # the same relations between scores: rows still sum up to 1
    targets = torch.eye(5, dtype=torch.float64)[[0] * 6]
    assert float(teacher_loss("dist", paler.log(), taught, targets, temperature=1)) == pytest.approx(0, abs=1e-9)
    assert float(teacher_loss("kd", paler.log(), taught, targets, temperature=1)) > 0.01


def test_label_loss_is_cross_entropy_and_counts_weights_and_focus():
    said, aim = logits(5), torch.eye(5, dtype=torch.float64)[[0, 1, 2, 3, 4, 0]]
    plain = label_loss(said, aim, multiple=False, weights=None, focal=False)
    assert float(plain) == pytest.approx(float(torch.nn.functional.cross_entropy(said, aim.argmax(dim=1))))
    doubled = label_loss(said, aim, multiple=False, weights=torch.full((5,), 2.0), focal=False)
    assert float(doubled) == pytest.approx(2 * float(plain))
    sure = 20 * aim
    unsure = torch.zeros_like(aim)
    ratios = [
        float(label_loss(case, aim, multiple=False, weights=None, focal=True))
        / float(label_loss(case, aim, multiple=False, weights=None, focal=False))
        for case in (sure, unsure)
    ]
    assert ratios[0] < 1e-9
    assert ratios[1] == pytest.approx(0.8**2)


def test_each_of_several_values_stands_for_itself():
    said, aim = logits(6), (logits(7) > 0).double()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(said, aim) * 5
    assert float(label_loss(said, aim, multiple=True, weights=None, focal=False)) == pytest.approx(float(expected))
