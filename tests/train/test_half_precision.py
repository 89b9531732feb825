"""A network may compute in bf16; its loss does not."""

import copy
from typing import Any

import torch

from train.distillation import TaughtCriterion
from train.half_precision import FullPrecisionCriterion, in_full
from train.yolo_trainer import loss_parts


def test_every_bf16_tensor_of_nested_predictions_becomes_float32_and_nothing_else_changes():
    half, whole = torch.zeros(2, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.float64)
    full = in_full({"one2many": {"boxes": half, "feats": [half, whole]}, "count": 3})
    assert full["one2many"]["boxes"].dtype == torch.float32
    assert [feature.dtype for feature in full["one2many"]["feats"]] == [torch.float32, torch.float64]
    assert full["count"] == 3


def test_a_loss_is_exact_within_a_computation_in_bf16():
    def middle(predictions: dict[str, torch.Tensor], batch: dict[str, torch.Tensor]) -> Any:
        del batch
        share = predictions["boxes"].softmax(1) @ torch.arange(16.0)
        return share, {"boxes": share}

    logits = torch.linspace(-1, 1, 16, dtype=torch.bfloat16)[None]
    exact = float(logits.float().softmax(1) @ torch.arange(16.0))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = middle({"boxes": logits}, {})[0]
        share, _ = FullPrecisionCriterion(middle)({"boxes": logits}, {"img": torch.zeros(1)})
    assert share.dtype == torch.float32
    assert float(share) == exact
    assert rounded.dtype == torch.bfloat16
    assert float(rounded) != exact


def test_what_wraps_a_loss_can_be_copied_and_answers_for_it():
    class Loss:
        gain = 7.5

    for wrapped in (FullPrecisionCriterion(Loss()), TaughtCriterion(Loss(), None)):  # pyright: ignore[reportArgumentType] - no teacher speaks
        assert copy.deepcopy(wrapped).gain == 7.5


def test_what_is_set_on_a_wrapped_loss_reaches_the_loss_that_is_computed():
    class Loss:
        bce = "stock"

    own = Loss()
    for part in loss_parts(TaughtCriterion(FullPrecisionCriterion(own), None)):  # pyright: ignore[reportArgumentType] - as above
        part.bce = "masked"
    assert own.bce == "masked"
