"""Keeps the way back through depthwise convolutions fast in bf16: torch has no kernel of its own for some of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_SMALL_KERNEL = 3  # up to it, and without a stride, bf16 is as fast backwards as f32


class FastDepthwise(TorchFunctionMode):
    """A context in which bf16 depthwise convolutions are differentiated in f32 wherever bf16 would be slower.

    On a CPU torch 2.14 takes a reference kernel for the gradient of a strided depthwise convolution in bf16 (128 ms
    instead of 4 for 144 channels of 48x48, 32 pictures), and a kernel of two to four times the time of f32 for the
    gradient of weights of 5x5. Forwards nothing changes.
    """

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a call of torch, a slow depthwise convolution by way of ours."""
        named = kwargs or {}
        if func is torch.conv2d or func is torch.nn.functional.conv2d:
            slow = _slow_convolution(*args, **named)
            if slow is not None:
                return slow()
        return func(*args, **named)


def _slow_convolution(
    pictures: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Callable[[], Tensor] | None:
    """Return what computes a convolution that bf16 would differentiate slowly, None for every other."""
    if pictures.device.type != "cpu" or pictures.dtype != torch.bfloat16 or not torch.is_autocast_enabled("cpu"):
        return None
    if groups != pictures.shape[1] or weight.shape[1] != 1 or bias is not None or isinstance(padding, str):
        return None
    stride, padding, dilation = (_pair(value) for value in (stride, padding, dilation))
    if max(stride) == 1 and max(weight.shape[2:]) <= _SMALL_KERNEL:
        return None
    return lambda: _Depthwise.apply(pictures, weight, stride, padding, dilation)  # pyright: ignore[reportReturnType]


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution: bf16 forwards, f32 backwards."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - torch types it as (*args)
        ctx: Any, pictures: Tensor, weight: Tensor, stride: Any, padding: Any, dilation: Any
    ) -> Tensor:
        ctx.save_for_backward(pictures, weight)
        ctx.shape = (stride, padding, dilation)
        return torch.ops.aten.convolution(
            pictures, weight.to(pictures.dtype), None, stride, padding, dilation, False, [0, 0], pictures.shape[1]
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - as above
        pictures, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.shape
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1], False]
        of_pictures, of_weight, _ = torch.ops.aten.convolution_backward(
            gradient.float(),
            pictures.float(),
            weight.float(),
            None,
            stride,
            padding,
            dilation,
            False,
            [0, 0],
            pictures.shape[1],
            wanted,
        )
        back = of_pictures.to(pictures.dtype) if of_pictures is not None else None
        return back, of_weight.to(weight.dtype) if of_weight is not None else None, None, None, None
