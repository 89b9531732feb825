"""Several trained networks that look at one picture, each at its own side, and at its mirror image where asked for."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from train.classifier.familiarity import directions_of
from train.classifier.network import TagNetwork
from train.classifier.peaks import Peaks


class Ensemble(nn.Module):
    """Trained networks whose scores are averaged. Each time that one looks at a picture or its mirror image is a look.

    The features of all looks stand side by side in one row, so that they are computed once for calibration.

    Args:
        networks: Trained on the same taxonomy; one alone will do.
        sides: Of the picture that each takes, pixels.
        mirrored: Whether each looks at the mirror image too.
    """

    def __init__(self, networks: Sequence[TagNetwork], sides: Sequence[int], *, mirrored: bool) -> None:
        super().__init__()
        self.side = max(sides)
        self.networks = nn.ModuleList(networks)
        self.scales = nn.ModuleList(
            nn.Identity() if side == self.side else Downscale(self.side, side) for side in sides
        )
        self._peaks = [Peaks(network.backbone) for network in networks]
        self.looks_each = 2 if mirrored else 1
        widths = [network.head.in_features for network in networks]
        self.width = sum(widths)
        self._look_widths = [width for width in widths for _ in range(self.looks_each)]

    def see(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what each look sees of pictures (N, 3, side, side), RGB, 0 to 1.

        Returns:
            The features and their peaks, each (N, widths of all looks).
        """
        if self.looks_each > 1:
            pictures = torch.cat([pictures, pictures.flip(3)])
        looks: list[torch.Tensor] = []
        peaks: list[torch.Tensor] = []
        for network, scale, greatest in zip(self.networks, self.scales, self._peaks, strict=True):
            own: Any = network
            features = own.features(scale(pictures))
            looks += features.chunk(self.looks_each)
            peaks += greatest.of(features).chunk(self.looks_each)
        return _side_by_side(looks), _side_by_side(peaks)

    def looks(self, features: torch.Tensor) -> Sequence[tuple[torch.Tensor, torch.Tensor]]:
        """Return the features (N, width) and logits (N, columns) of each look, of the features of all."""
        parts = self._parts(features)
        heads: list[Any] = [network.head for network in self.networks for _ in range(self.looks_each)]
        return [(part, head(part)) for part, head in zip(parts, heads, strict=True)]

    def directions(self, features: torch.Tensor) -> torch.Tensor:
        """Return where features or peaks of all looks point (N, width), of unit length: each network has an equal say.

        The cosine of two of these is the mean of the networks' own cosines.
        """
        own = [directions_of(part) for part in self._parts(features)]
        if self.looks_each > 1:
            own = [directions_of(seen + mirrored) for seen, mirrored in zip(own[::2], own[1::2], strict=True)]
        return _side_by_side(own) / len(own) ** 0.5 if len(own) > 1 else own[0]

    def _parts(self, features: torch.Tensor) -> Sequence[torch.Tensor]:
        """Return the features of each look; one look's are not split, since that would be a node of its graph."""
        return features.split(self._look_widths, dim=1) if len(self._look_widths) > 1 else [features]


class Downscale(nn.Module):
    """Pictures made smaller, bilinear and antialiased, as two products with constant matrices.

    ONNX has an antialiased Resize since opset 18 only, and engines do not compute it alike; products they do.

    Args:
        side: Of the pictures, pixels.
        to: What they become.
    """

    weights: torch.Tensor

    def __init__(self, side: int, to: int) -> None:
        super().__init__()
        # A picture whose column i is white in row i alone shows what each row of the result is made of.
        rows = nn.functional.interpolate(
            torch.eye(side)[None, None], (to, side), mode="bilinear", antialias=True, align_corners=False
        )
        self.register_buffer("weights", rows[0, 0], persistent=False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return pictures (N, 3, to, to) of pictures (N, 3, side, side)."""
        return self.weights @ pictures @ self.weights.T


def _side_by_side(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(parts), dim=1) if len(parts) > 1 else parts[0]
