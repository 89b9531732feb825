"""Losses of a classifier, against labels and against a teacher; each is a mean over the batch.

Labels and logits are those of one attribute. Where it has one value, they are distributions over its values.
"""

from typing import Literal

import torch
from torch.nn import functional

FOCUS = 2.0  # Lin et al., Focal Loss, 2017, section 5.1: gamma 2 was best
DKD_BETA = 4.0  # of 1 to 8 in the paper's table 5, where it says to take more the surer the teacher


def label_loss(
    logits: torch.Tensor, targets: torch.Tensor, *, multiple: bool, weights: torch.Tensor | None, focal: bool
) -> torch.Tensor:
    """Cross entropy with soft labels; binary for each value where an attribute has several.

    Args:
        logits: (N, values).
        targets: (N, values), 0 to 1; rows sum up to 1 unless `multiple`.
        multiple: Whether each value stands for itself.
        weights: (values,) of each value; None for equal ones.
        focal: Weigh what is already known less (Lin et al., 2017, equation 4).
    """
    if multiple:
        losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        scores = logits.sigmoid()
        known = targets * scores + (1 - targets) * (1 - scores)
    else:
        losses = -targets * logits.log_softmax(dim=1)
        known = logits.softmax(dim=1)
    if focal:
        losses = losses * (1 - known) ** FOCUS
    if weights is not None:
        losses = losses * (targets * weights + (1 - targets) if multiple else weights)
    return losses.sum(dim=1).mean()


def teacher_loss(
    kind: Literal["kd", "dkd", "dist"],
    logits: torch.Tensor,
    taught: torch.Tensor,
    targets: torch.Tensor,
    temperature: float,
) -> torch.Tensor:
    """How far a student is from its teacher.

    Args:
        kind: Which loss.
        logits: (N, values) of the student.
        taught: (N, values) scores of the teacher at `temperature`; rows sum up to 1.
        targets: (N, values) labels; their greatest is the target of `dkd`.
        temperature: Of the softmax.
    """
    match kind:
        case "kd":
            return _divergence((logits / temperature).log_softmax(dim=1), taught) * temperature**2
        case "dkd":
            return decoupled(logits, taught, targets.argmax(dim=1), temperature)
        case "dist":
            scores = (logits / temperature).softmax(dim=1)
            within = 1 - _correlation(scores, taught).mean()
            between = 1 - _correlation(scores.t(), taught.t()).mean()
            return temperature**2 * (within + between)


def decoupled(logits: torch.Tensor, taught: torch.Tensor, target: torch.Tensor, temperature: float) -> torch.Tensor:
    """Decoupled distillation: what the teacher says of the target, and, weighed by itself, of all the others.

    Args:
        logits: (N, values) of the student.
        taught: (N, values) scores of the teacher at `temperature`.
        target: (N,) index of each picture's label.
        temperature: Of the softmax.

    Source: Zhao et al., Decoupled Knowledge Distillation, 2022, equation 7, alpha 1.
    """
    column = target[:, None]
    scores = (logits / temperature).softmax(dim=1)
    own, theirs = scores.gather(1, column).clamp(1e-6, 1 - 1e-6), taught.gather(1, column).clamp(1e-6, 1 - 1e-6)
    of_target = _divergence(torch.cat([own, 1 - own], dim=1).log(), torch.cat([theirs, 1 - theirs], dim=1))
    mask = torch.ones_like(logits, dtype=torch.bool).scatter(1, column, value=False)
    rest = logits[mask].view(len(logits), -1)
    taught_rest = taught[mask].view(len(logits), -1).clamp(min=1e-9)
    of_others = _divergence((rest / temperature).log_softmax(dim=1), taught_rest / taught_rest.sum(dim=1, keepdim=True))
    return (of_target + DKD_BETA * of_others) * temperature**2


def _divergence(log_scores: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of the student's from the teacher's distribution."""
    return functional.kl_div(log_scores, taught, reduction="batchmean")


def _correlation(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Pearson's correlation of each row of one with the same row of the other.

    Source: Huang et al., Knowledge Distillation from A Stronger Teacher, 2022, equations 4 to 6.
    """
    return functional.cosine_similarity(
        first - first.mean(dim=1, keepdim=True), second - second.mean(dim=1, keepdim=True), dim=1, eps=1e-8
    )
