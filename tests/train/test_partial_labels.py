"""What a set leaves unlabelled has no say in the loss; what it labels has the say that it always had."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.partial_labels import MaskedBCEWithLogits, class_mask

BATCH, ANCHORS, CLASSES = 3, 5, 3

label_sets = st.lists(st.frozensets(st.integers(0, CLASSES - 1)), min_size=BATCH, max_size=BATCH)


def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(BATCH, ANCHORS, CLASSES, generator=generator)
    return logits, torch.rand(BATCH, ANCHORS, CLASSES, generator=generator)


@given(label_sets, st.integers(0, 1000))
def test_predictions_of_an_unlabelled_class_change_nothing(labelled: list[frozenset[int]], seed: int):
    logits, targets = batch(seed)
    loss = MaskedBCEWithLogits()
    mask = class_mask(labelled, CLASSES)
    loss.set_mask(mask)
    changed = logits + 7 * (1 - mask[:, None, :])
    assert torch.equal(loss(logits, targets), loss(changed, targets))


@given(label_sets, st.integers(0, 1000))
def test_labelled_classes_keep_exactly_the_stock_loss(labelled: list[frozenset[int]], seed: int):
    logits, targets = batch(seed)
    stock = torch.nn.BCEWithLogitsLoss(reduction="none")(logits, targets)
    loss = MaskedBCEWithLogits()
    loss.set_mask(class_mask(labelled, CLASSES))
    known = class_mask(labelled, CLASSES)[:, None, :].expand_as(stock).bool()
    ours = loss(logits, targets)
    assert torch.equal(ours[known], stock[known])
    assert not ours[~known].any()


def test_without_a_mask_it_is_the_stock_loss():
    logits, targets = batch(0)
    stock = torch.nn.BCEWithLogitsLoss(reduction="none")(logits, targets)
    assert torch.equal(MaskedBCEWithLogits()(logits, targets), stock)


def test_no_gradient_flows_into_an_unlabelled_class():
    logits, targets = batch(1)
    logits.requires_grad_()
    loss = MaskedBCEWithLogits()
    loss.set_mask(class_mask([frozenset({0})] * BATCH, CLASSES))
    loss(logits, targets).sum().backward()
    assert logits.grad is not None
    assert logits.grad[..., 0].abs().min() > 0
    assert not logits.grad[..., 1:].any()


def test_a_mask_of_another_batch_is_refused():
    loss = MaskedBCEWithLogits()
    loss.set_mask(class_mask([frozenset({0})], CLASSES))
    with pytest.raises(ValueError, match="not of this batch"):
        loss(*batch(0))
