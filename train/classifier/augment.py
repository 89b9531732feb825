"""Variations of pictures, a batch at a time: one resampling for crop, turn and mirror, then colours and faults."""

import math

import torch
from torch.nn import functional

from train.classifier.settings import AugmentSettings

_GREY = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


def augment(pictures: torch.Tensor, side: int, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    """Return varied pictures.

    Args:
        pictures: (N, 3, H, W) uint8 RGB.
        side: Rows and columns of the result, pixels.
        settings: How much.
        generator: Of everything random.

    Returns:
        (N, 3, side, side) float32, 0 to 1.
    """
    varied = _resample(pictures.float() / 255, side, settings, generator)
    varied = _recolour(varied, settings, generator)
    varied = _blur(varied, settings, generator)
    if settings.noise:
        strength = torch.rand(len(varied), 1, 1, 1, generator=generator) * settings.noise
        varied = varied + strength * torch.randn(varied.shape, generator=generator)
    return _erase(varied.clamp(0, 1), settings, generator)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def _resample(pictures: torch.Tensor, side: int, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    """Crop by area and aspect, turn, mirror and scale, in one bilinear resampling."""
    count = len(pictures)
    area = _uniform(count, settings.least_area, 1, generator)
    aspect = torch.exp(_uniform(count, -math.log(4 / 3), math.log(4 / 3), generator))
    across = (area * aspect).sqrt().clamp(max=1)
    down = (area / aspect).sqrt().clamp(max=1)
    left = _uniform(count, -1, 1, generator) * (1 - across)
    top = _uniform(count, -1, 1, generator) * (1 - down)
    angle = torch.deg2rad(_uniform(count, -settings.degrees, settings.degrees, generator))
    mirror = 1 - 2 * (torch.rand(count, generator=generator) < (0.5 if settings.flip else 0)).float()
    matrix = torch.stack(
        [
            torch.stack([across * mirror * angle.cos(), -down * angle.sin(), left], dim=1),
            torch.stack([across * mirror * angle.sin(), down * angle.cos(), top], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, [count, 3, side, side], align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _recolour(pictures: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    """Change brightness, contrast, saturation and hue of each picture by its own draw."""
    count, spread = len(pictures), settings.colour
    brightness, contrast, saturation = (
        _uniform(count, 1 - spread, 1 + spread, generator).view(-1, 1, 1, 1) for _ in range(3)
    )
    pictures = pictures * brightness
    grey = (pictures * _GREY).sum(dim=1, keepdim=True)
    pictures = grey + (pictures - grey) * saturation
    middle = grey.mean(dim=(2, 3), keepdim=True)
    pictures = middle + (pictures - middle) * contrast
    return _turn_hue(pictures, _uniform(count, -settings.hue, settings.hue, generator)) if settings.hue else pictures


def _turn_hue(pictures: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Turn colours around the grey axis by shares of the circle (Rodrigues' rotation)."""
    angle = 2 * math.pi * shares
    cosine, sine = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1) / math.sqrt(3)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    rotation = cosine * torch.eye(3) + (1 - cosine) / 3 * torch.ones(3, 3) + sine * cross
    return torch.einsum("nij,njhw->nihw", rotation, pictures)


def _blur(pictures: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    """Blur a share of the pictures by a 5 x 5 binomial kernel."""
    chosen = torch.rand(len(pictures), generator=generator) < settings.blur
    if not chosen.any():
        return pictures
    row = torch.tensor([1.0, 4, 6, 4, 1]) / 16
    kernel = (row[:, None] * row[None, :]).expand(3, 1, 5, 5)
    blurred = functional.conv2d(functional.pad(pictures[chosen], (2, 2, 2, 2), mode="reflect"), kernel, groups=3)
    pictures = pictures.clone()
    pictures[chosen] = blurred
    return pictures


def _erase(pictures: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    """Hide a rectangle of a share of the pictures under grey."""
    side = pictures.shape[-1]
    for index in torch.nonzero(torch.rand(len(pictures), generator=generator) < settings.erase).flatten().tolist():
        height, width = (int(side * float(_uniform(1, 0.1, 0.4, generator))) for _ in range(2))
        top, left = (int(float(torch.rand(1, generator=generator)) * (side - size)) for size in (height, width))
        pictures[index, :, top : top + height, left : left + width] = 0.5
    return pictures


def mix(pictures: torch.Tensor, targets: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix a batch with itself in another order: by halves mixup (blended) and cutmix (a rectangle of the other).

    Args:
        pictures: (N, 3, H, W).
        targets: (N, columns), shares that sum up within each attribute.
        generator: Of the draw.

    Returns:
        Pictures and targets, mixed alike.

    Source: Zhang et al., mixup, 2018, equation 1 (alpha 0.2); Yun et al., CutMix, 2019, section 3.1 (alpha 1).
    """
    order = torch.randperm(len(pictures), generator=generator)
    if float(torch.rand(1, generator=generator)) < 0.5:  # noqa: PLR2004 - by halves
        share = float(torch.rand(1, generator=generator) ** 5 / 2)  # near Beta(0.2, 0.2) folded to its lesser half
        return pictures + share * (pictures[order] - pictures), targets + share * (targets[order] - targets)
    height, width = pictures.shape[-2:]
    share = float(torch.rand(1, generator=generator))
    rows, columns = int(height * share**0.5), int(width * share**0.5)
    top = int(float(torch.rand(1, generator=generator)) * (height - rows + 1))
    left = int(float(torch.rand(1, generator=generator)) * (width - columns + 1))
    mixed = pictures.clone()
    mixed[:, :, top : top + rows, left : left + columns] = pictures[order, :, top : top + rows, left : left + columns]
    share = rows * columns / (height * width)
    return mixed, targets + share * (targets[order] - targets)
