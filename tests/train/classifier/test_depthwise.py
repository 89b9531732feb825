"""Depthwise convolutions in bf16: the way back is f32's where bf16 has no good kernel, nothing else changes."""

import pytest
import torch
from torch import Tensor, nn

from train.classifier.depthwise import FastDepthwise

SLOW = [(3, 2), (5, 1), (5, 2)]


def gradients(layer: nn.Conv2d, pictures: Tensor, *, fast: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return what a layer says in bf16 of pictures, and the gradients of the pictures and of its weights."""
    given = pictures.clone().requires_grad_()
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        if fast:
            with FastDepthwise():
                said = layer(given.to(torch.bfloat16))
        else:
            said = layer(given.to(torch.bfloat16))
    (said.float() ** 2).sum().backward()
    assert given.grad is not None
    assert layer.weight.grad is not None
    return said.detach(), given.grad.clone(), layer.weight.grad.clone()


def depthwise(kernel: int, stride: int) -> nn.Conv2d:
    torch.manual_seed(kernel + stride)
    return nn.Conv2d(16, 16, kernel, stride, kernel // 2, groups=16, bias=False)


def off(found: Tensor, exact: Tensor) -> float:
    return float((found.double() - exact).norm() / exact.norm())


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), *SLOW])
def test_forwards_nothing_changes(kernel: int, stride: int) -> None:
    layer, pictures = depthwise(kernel, stride), torch.randn(4, 16, 24, 24)
    ours, theirs = (gradients(layer, pictures, fast=fast)[0] for fast in (True, False))
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("kernel", "stride"), SLOW)
def test_gradients_are_those_of_the_same_numbers_in_full_precision(kernel: int, stride: int) -> None:
    layer, pictures = depthwise(kernel, stride), torch.randn(4, 16, 24, 24).to(torch.bfloat16).float()
    said, of_pictures, of_weight = gradients(layer, pictures, fast=True)
    exact = depthwise(kernel, stride).double()
    exact.weight.data = layer.weight.data.to(torch.bfloat16).double()
    given = pictures.double().requires_grad_()
    exact(given).backward(2 * said.double())
    assert given.grad is not None
    assert exact.weight.grad is not None
    assert off(of_weight, exact.weight.grad) < 2e-3  # the gradient that comes in is bf16, sums are not
    assert off(of_pictures, given.grad) < 4e-3  # rounded to bf16 at the end


@pytest.mark.parametrize(("kernel", "stride"), SLOW)
def test_only_slow_convolutions_take_our_way(kernel: int, stride: int) -> None:
    pictures = torch.randn(2, 16, 12, 12)
    with torch.autocast("cpu", torch.bfloat16), FastDepthwise():
        ours = depthwise(kernel, stride)(pictures.to(torch.bfloat16))
        others = [
            depthwise(3, 1)(pictures.to(torch.bfloat16)),
            nn.Conv2d(16, 16, kernel, stride, groups=4, bias=False)(pictures.to(torch.bfloat16)),
            nn.Conv2d(16, 16, kernel, stride, groups=16)(pictures.to(torch.bfloat16)),
        ]
    with FastDepthwise():
        others.append(depthwise(kernel, stride)(pictures))
    assert "Depthwise" in type(ours.grad_fn).__name__
    assert not [found for found in others if "Depthwise" in type(found.grad_fn).__name__]


def test_a_layer_that_does_not_learn_passes_its_gradient_on() -> None:
    layer, pictures = depthwise(5, 1), torch.randn(2, 16, 12, 12).requires_grad_()
    layer.weight.requires_grad = False
    with torch.autocast("cpu", torch.bfloat16), FastDepthwise():
        layer(pictures.to(torch.bfloat16)).float().sum().backward()
    assert layer.weight.grad is None
    assert pictures.grad is not None
    assert float(pictures.grad.abs().sum()) > 0
