"""The network of a classifier: a backbone and a linear head over all values of the learnt attributes."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.backbones import Backbone


class TagNetwork(nn.Module):
    """From pictures to logits, one column for each value of each learnt attribute.

    Args:
        backbone: Gives the features.
        taxonomy: Gives the columns.
        dropout: Share of the features that are dropped in training.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, backbone: Backbone, taxonomy: Taxonomy, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone.module
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(backbone.width, taxonomy.columns)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1), persistent=False)

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return features (N, width) of pictures (N, 3, H, W), RGB, 0 to 1."""
        return self.backbone((pictures - self.mean) / self.std)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return logits (N, columns) of pictures (N, 3, H, W), RGB, 0 to 1."""
        return self.head(self.dropout(self.features(pictures)))

    @property
    def parameters_in_use(self) -> int:
        """Number of trained values."""
        return sum(parameter.numel() for parameter in self.parameters())


def split_columns(rows: torch.Tensor, learnt: tuple[Attribute, ...]) -> list[tuple[torch.Tensor, Attribute]]:
    """Return the columns (N, values) of each learnt attribute, with it."""
    widths = [len(attribute.values) for attribute in learnt]
    return list(zip(rows.split(widths, dim=1), learnt, strict=True))


def scores_of(logits: torch.Tensor, attribute: Attribute) -> torch.Tensor:
    """Return an attribute's scores from its logits: one value of all, or each value for itself."""
    return logits.sigmoid() if attribute.multiple else logits.softmax(dim=1)


def all_scores(logits: torch.Tensor, learnt: tuple[Attribute, ...]) -> torch.Tensor:
    """Return the scores (N, columns) of all learnt attributes from their logits, side by side as these are."""
    return torch.cat([scores_of(part, attribute) for part, attribute in split_columns(logits, learnt)], dim=1)


def pooled_logits(looks: Sequence[torch.Tensor], attribute: Attribute) -> torch.Tensor:
    """Return logits (N, values) of which the scores are the mean of those of several looks' logits."""
    rows = torch.stack(list(looks))
    if attribute.multiple:
        return functional.logsigmoid(rows).logsumexp(dim=0) - functional.logsigmoid(-rows).logsumexp(dim=0)
    return rows.log_softmax(dim=2).logsumexp(dim=0)
