"""A student that says what its teacher says loses nothing; any other does, and its gradient points to the teacher."""

from typing import Any

import pytest
import torch
from torch import nn

from train.distillation import TaughtCriterion, Teacher, best_scores, box_loss, score_loss


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bins", [1, 16])
def test_the_same_predictions_lose_nothing_and_others_do(bins: int):
    scores, boxes = random(2, 3, 10), random(2, 4 * bins, 10)
    weight = best_scores(scores)
    assert score_loss(scores, scores).item() == pytest.approx(0, abs=1e-5)
    assert box_loss(boxes, boxes, weight).item() == pytest.approx(0, abs=1e-5)
    assert score_loss(scores + 1, scores).item() > 0.01
    assert box_loss(random(2, 4 * bins, 10, seed=1), boxes, weight).item() > 0.01


def test_descending_the_losses_leads_to_the_teacher():
    scores, boxes = random(2, 3, 10), random(2, 4 * 4, 10)
    student_scores = random(2, 3, 10, seed=1).requires_grad_()
    student_boxes = random(2, 4 * 4, 10, seed=2).requires_grad_()
    descent = torch.optim.Adam([student_scores, student_boxes], lr=0.1)
    for _ in range(300):
        descent.zero_grad()
        loss = score_loss(student_scores, scores) + box_loss(student_boxes, boxes, best_scores(scores))
        loss.backward()
        descent.step()
    torch.testing.assert_close(student_scores.sigmoid(), scores.sigmoid(), atol=0.02, rtol=0)
    shape = (2, 4, 4, 10)
    torch.testing.assert_close(student_boxes.view(shape).softmax(2), boxes.view(shape).softmax(2), atol=0.02, rtol=0)


def test_boxes_count_only_where_the_teacher_is_sure():
    boxes = torch.zeros(1, 4, 2)
    student = torch.tensor([[[5.0, 0.0]] * 4])
    assert box_loss(student, boxes, torch.tensor([[0.0, 1.0]])).item() == 0
    assert box_loss(student, boxes, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(4.5)


class Said(nn.Module):
    """A detector that always says the same."""

    def __init__(self, raw: dict[str, Any]) -> None:
        super().__init__()
        self.raw = raw

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        return pictures, self.raw


class Stock:
    """A detector's own loss, with a schedule."""

    updates = 0

    def __call__(self, predictions: Any, batch: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        del predictions, batch
        return torch.tensor([1.0, 2.0]), {"own": torch.tensor(3.0)}

    def update(self) -> None:
        self.updates += 1


@pytest.mark.parametrize("heads", [(), ("one2many", "one2one")])
def test_the_teachers_word_stands_beside_the_labels_for_heads_of_both_kinds(heads: tuple[str, ...]):
    raw = {"scores": random(2, 3, 10), "boxes": random(2, 4, 10)}
    other = {"scores": random(2, 3, 10, seed=1), "boxes": random(2, 4, 10, seed=1)}
    said: dict[str, Any] = dict.fromkeys(heads, raw) if heads else raw
    found: dict[str, Any] = dict.fromkeys(heads, other) if heads else other
    batch = {"img": torch.zeros(2, 3, 8, 8)}
    stock = Stock()
    criterion = TaughtCriterion(stock, Teacher(Said(said), weight=0.5))
    losses, parts = criterion(found, batch)
    assert losses[:2].tolist() == [1.0, 2.0]
    assert losses[2].item() == pytest.approx(2 * parts["teacher_loss"].item())  # of two pictures
    assert parts["own"].item() == 3.0
    full = TaughtCriterion(stock, Teacher(Said(said), weight=1.0))(found, batch)[1]["teacher_loss"]
    assert parts["teacher_loss"].item() == pytest.approx(0.5 * full.item())
    criterion.update()
    assert stock.updates == 1
