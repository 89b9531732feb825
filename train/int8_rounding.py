"""INT8's rounding while a network learns, so that it comes to do without what a quantised file rounds away."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

_LEVELS = 255
_FOLLOWED = 0.1  # share of a batch's range in the running one: ranges of single batches jump


class _Range:
    """The running range of one tensor, from the least to the greatest that batches held, zero always in it."""

    def __init__(self) -> None:
        self._bounds: Tensor | None = None

    def rounded(self, features: Tensor) -> Tensor:
        """Return features on the 256 steps of their range; gradients pass where they lie in it."""
        exact = features.float()
        now = torch.stack([exact.detach().amin().clamp(max=0), exact.detach().amax().clamp(min=0)])
        self._bounds = now if self._bounds is None else torch.lerp(self._bounds, now, _FOLLOWED)
        low, high = float(self._bounds[0]), float(self._bounds[1])
        scale = max((high - low) / _LEVELS, torch.finfo(torch.float32).tiny)
        zero = round(-low / scale)
        return torch.fake_quantize_per_tensor_affine(exact, scale, zero, 0, _LEVELS)


def rounded_weights(weights: Tensor, bits: int) -> Tensor:
    """Return weights (O, I, H, W) as a file holds them: symmetric, each output channel by its own scale.

    Args:
        weights: Of one convolution.
        bits: 8, or 7 as ONNX Runtime's files for any CPU have them.
    """
    most = 2 ** (bits - 1) - 1
    scales = weights.detach().abs().amax(dim=(1, 2, 3)).float().div(most).clamp(min=torch.finfo(torch.float32).tiny)
    zeros = torch.zeros(len(scales), dtype=torch.int32, device=weights.device)
    return torch.fake_quantize_per_channel_affine(weights.float(), scales, zeros, 0, -most, most)


def learn_under_int8(model: nn.Module, weight_bits: int) -> None:
    """Let a detector's convolutions compute in training what an INT8 file computes.

    Weights, what goes into a convolution and what its norm gives are rounded; the norm itself is folded into the
    weights of a file, where each channel has a scale of its own, so that this makes no difference. ONNX Runtime rounds
    all three, OpenVINO the first two. Distances are decoded in float in every file: that convolution is left alone. The
    weights that are kept and saved stay in float: a copy of the model that was made before knows nothing of this.

    Args:
        model: The one that is trained, of ultralytics' layers.
        weight_bits: 8, or 7 as ONNX Runtime's files for any CPU have them.

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
    2018, section 3.
    """
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d) and not name.endswith("dfl.conv"):
            _round_convolution(layer, weight_bits)
        elif isinstance(layer, nn.BatchNorm2d):
            _round_output(layer)


def _round_convolution(layer: nn.Conv2d, weight_bits: int) -> None:
    seen = _Range()
    seam: Any = layer

    def forward(features: Tensor) -> Tensor:
        return seam._conv_forward(  # noqa: SLF001 - torch's own layers for this put themselves between in the same way
            seen.rounded(features), rounded_weights(layer.weight, weight_bits), layer.bias
        )

    seam.forward = forward


def _round_output(layer: nn.Module) -> None:
    seen = _Range()
    layer.register_forward_hook(partial(_rounded_output, seen))


def _rounded_output(seen: _Range, _layer: nn.Module, _given: tuple[Tensor, ...], features: Tensor) -> Tensor:
    return seen.rounded(features)
