"""What a backbone saw most of anywhere in a picture, beside the mean over the picture that it gives as features.

A mean over a map of features hides what only a part of it shows, and training bends it to tell the learnt values apart;
by the greatest of each feature, pictures of other things lie farther off (RESULTS.md).
"""

from typing import Any

import torch
from torch import nn

_PROBE_PX = 96  # large enough that a stride of 32 leaves a map


class Peaks:
    """The greatest value over the picture of each of a backbone's features.

    Where features are no mean over a map, as of a transformer or with layers behind the mean, they are their own peaks.

    Args:
        backbone: (N, 3, H, W) to (N, width), ready for use; its last map is listened to from now on.
    """

    def __init__(self, backbone: nn.Module) -> None:
        self._map: torch.Tensor | None = None
        layer = _last_map(backbone)
        if layer is not None:
            layer.register_forward_hook(self._hear)

    def of(self, features: torch.Tensor) -> torch.Tensor:
        """Return the peaks (N, width) that go with the features (N, width) which the backbone gave last."""
        return features if self._map is None else self._map.amax(dim=(2, 3))

    def _hear(self, _layer: nn.Module, _given: Any, found: torch.Tensor) -> None:
        self._map = found


@torch.no_grad()
def _last_map(backbone: nn.Module) -> nn.Module | None:
    """Return the layer over whose output (N, width, rows, columns) a backbone takes the mean; None: it takes none."""
    heard: list[tuple[nn.Module, torch.Tensor]] = []

    def hear(layer: nn.Module, _given: Any, found: Any) -> None:
        if isinstance(found, torch.Tensor) and found.ndim == 4:  # noqa: PLR2004 - (N, width, rows, columns)
            heard.append((layer, found))

    hooks = [layer.register_forward_hook(hear) for layer in backbone.modules()]
    # Noise, not grey: a mean that is by chance the features' own would be taken for it.
    features = backbone(torch.rand(1, 3, _PROBE_PX, _PROBE_PX, generator=torch.Generator().manual_seed(0)))
    for hook in hooks:
        hook.remove()
    return next((layer for layer, found in reversed(heard) if _is_mean(features, found)), None)


def _is_mean(features: torch.Tensor, found: torch.Tensor) -> bool:
    mean = found.mean(dim=(2, 3))
    return found[0, 0].numel() > 1 and mean.shape == features.shape and torch.allclose(mean, features, atol=1e-4)
