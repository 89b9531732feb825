"""What a student's raw predictions lose against a teacher's, anchor by anchor: both see the same grid of anchors."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

SCORE_GAIN = 0.5  # as ultralytics weighs its own losses of scores and of distances
BOX_GAIN = 1.5


def score_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return how far the student's scores are from the teacher's, 0 where they are the same.

    Every class of every anchor is a decision of its own, as in the detector's loss; the sum is divided by the
    teacher's scores as the detector's loss is by its targets', so that the background does not drown the objects.

    Args:
        student: (B, C, A) logits of C classes at A anchors.
        teacher: (B, C, A) logits.

    Returns:
        The sum of the Kullback-Leibler divergences over the sum of each anchor's best score, a scalar.

    Source: Yang et al., Bridging Cross-task Protocol Inconsistency for Distillation in Dense Object Detection, 2023,
    section 3.2 (binary classification maps), without its weighting by the difference.
    """
    target = teacher.sigmoid()
    crossed = nn.functional.binary_cross_entropy_with_logits(student, target, reduction="sum")
    least = nn.functional.binary_cross_entropy_with_logits(teacher, target, reduction="sum")
    return (crossed - least) / best_scores(teacher).sum().clamp(min=1)


def box_loss(student: Tensor, teacher: Tensor, weight: Tensor) -> Tensor:
    """Return how far the student's boxes are from the teacher's where the teacher is sure, 0 where they are the same.

    Args:
        student: (B, 4 R, A); for each of the four sides R logits over distances of 0 to R - 1 strides, or for R = 1 the
            distance itself, in strides.
        teacher: The same.
        weight: (B, A), how much an anchor counts.

    Returns:
        The weighted mean over anchors and sides, a scalar: of the Kullback-Leibler divergence, or for R = 1 of the
        smooth absolute difference in strides.

    Source: Zheng et al., Localization Distillation for Dense Object Detection, 2022, equation 3, with temperature 1.
    """
    batch, rows, anchors = student.shape
    bins = rows // 4
    if bins == 1:
        apart = nn.functional.smooth_l1_loss(student, teacher, reduction="none")
    else:
        sides = (batch, 4, bins, anchors)
        log_student, log_teacher = student.view(sides).log_softmax(2), teacher.view(sides).log_softmax(2)
        apart = (log_teacher.exp() * (log_teacher - log_student)).sum(2)
    return (apart.mean(1) * weight).sum() / weight.sum().clamp(min=1)


def best_scores(logits: Tensor) -> Tensor:
    """Return (B, A), the score of each anchor's best class, from logits (B, C, A)."""
    return logits.sigmoid().amax(1)


class Teacher:
    """A trained detector that says what a student should have said.

    Args:
        model: The detector; called with pictures (B, 3, H, W) it gives decoded and raw predictions.
        weight: Of its word beside the labels' in the student's loss.
    """

    def __init__(self, model: nn.Module, weight: float) -> None:
        self._model = model.eval().requires_grad_(requires_grad=False)
        self._weight = weight

    def loss(self, predictions: Mapping[str, Any], pictures: Tensor) -> Tensor:
        """Return what raw predictions for pictures lose against the teacher's, weighted.

        Args:
            predictions: `scores` (B, C, A) logits and `boxes` (B, 4 R, A), or these by head: `one2many`, `one2one`.
            pictures: (B, 3, H, W), 0 to 1.
        """
        with torch.no_grad():
            said: Mapping[str, Any] = self._model.to(pictures.device)(pictures)[1]
        heads = [(predictions[name], said[name]) for name in ("one2many", "one2one") if name in predictions]
        losses = [_loss(student, teacher) for student, teacher in heads or [(predictions, said)]]
        return self._weight * torch.stack(losses).mean()


def _loss(student: Mapping[str, Tensor], teacher: Mapping[str, Tensor]) -> Tensor:
    scores, boxes = student["scores"].float(), student["boxes"].float()
    taught_scores, taught_boxes = teacher["scores"].float(), teacher["boxes"].float()
    weight = best_scores(taught_scores)
    return SCORE_GAIN * score_loss(scores, taught_scores) + BOX_GAIN * box_loss(boxes, taught_boxes, weight)


class TaughtCriterion:
    """A detector's own loss with a teacher's beside it. All else that is asked of it, its own loss answers.

    Args:
        stock: The detector's loss: raw predictions and a batch to a vector of losses and their parts by name.
        teacher: Speaks as well.
    """

    def __init__(self, stock: Any, teacher: Teacher) -> None:
        self.stock = stock
        self._teacher = teacher

    def __call__(self, predictions: Any, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the losses, summed over the batch's pictures, and their parts by name."""
        losses, parts = self.stock(predictions, batch)
        taught = self._teacher.loss(predictions, batch["img"])
        summed = torch.cat([losses.reshape(-1), (taught * len(batch["img"])).reshape(1)])
        return summed, {**parts, "teacher_loss": taught.detach()}

    def __getattr__(self, name: str) -> Any:
        """Give what is no loss to the detector's own: NMS-free heads are asked for their parts and their schedule."""
        if name == "stock" or name.startswith("_"):  # not even begun to exist, while it is copied
            raise AttributeError(name)
        return getattr(self.stock, name)
