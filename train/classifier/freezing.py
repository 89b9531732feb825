"""The first stages of a backbone kept as they start: what they tell apart is general, and they cost most of a step."""

from typing import Any

import torch
from torch import nn

from devices.errors import EdgekitError


def freeze_stages(backbone: nn.Module, count: int, *, bf16: bool) -> tuple[nn.Module, ...]:
    """Keep the stem and the first stages of a backbone from learning, and return them.

    Nothing flows back through them, so they may compute in bf16 whatever the rest computes in.

    Args:
        backbone: Of timm, with a stem and blocks.
        count: How many stages; 0 freezes nothing, the stem neither.
        bf16: Compute them in bf16; what follows gets float32.

    Raises:
        EdgekitError: It has no such stages.
    """
    if not count:
        return ()
    module: Any = backbone
    blocks: Any = getattr(module, "blocks", None)
    stem = [getattr(module, name) for name in ("stem", "conv_stem", "bn1") if hasattr(module, name)]
    if blocks is None or not stem:
        raise EdgekitError("the backbone has no stages that could be kept as they are: freeze_stages has to be 0")
    if count > len(blocks):
        raise EdgekitError(f"the backbone has {len(blocks)} stages, of which {count} cannot be frozen")
    frozen = (*stem, *blocks[:count])
    for part in frozen:
        part.requires_grad_(requires_grad=False)
        if bf16:
            part.forward = torch.autocast("cpu", torch.bfloat16)(part.forward)
    if bf16:
        frozen[-1].register_forward_hook(_as_float)
    return frozen


def _as_float(_module: nn.Module, _given: tuple[torch.Tensor, ...], features: torch.Tensor) -> torch.Tensor:
    return features.float()
