"""The network of a classifier: a backbone and a linear head over all values of the learnt attributes."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.backbones import Backbone
from train.classifier.familiarity import Familiarity, directions_of
from train.classifier.heads import SeveralHeadModule


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


class ScoredNetwork(nn.Module):
    """What is exported: scores 0 to 1 instead of logits, and behind them the unit-length features where asked for.

    Args:
        network: The trained network.
        taxonomy: Its attributes.
        temperature: Logits are divided by it, so that a score is the share of right answers among its like.
        embedding: Whether the features follow the scores.
        familiarity: Takes their scores from pictures that are like nothing that was learnt.
        heads: By attribute of several values: what tells it instead of the network's own columns.
    """

    def __init__(
        self,
        network: TagNetwork,
        taxonomy: Taxonomy,
        temperature: float,
        *,
        embedding: bool,
        familiarity: Familiarity,
        heads: Mapping[str, SeveralHeadModule] | None = None,
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(dict(heads or {}))
        self.network = network
        self.learnt = taxonomy.learnt
        self.temperature = temperature
        self.embedding = embedding
        self.familiarity = familiarity

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return (N, columns) or (N, columns + width) of pictures (N, 3, H, W), RGB, 0 to 1."""
        features = self.network.features(pictures)
        parts = [scores for scores, _ in self.scores(features)]
        return torch.cat([*parts, directions_of(features)] if self.embedding else parts, dim=1)

    def scores(self, features: torch.Tensor) -> list[tuple[torch.Tensor, Attribute]]:
        """Return the scores (N, columns) of each learnt attribute, with it, of features (N, width)."""
        logits = self.network.head(features) / self.temperature
        familiar: torch.Tensor = self.familiarity(directions_of(features))
        return [
            (self._scores(features, part, attribute) * familiar, attribute)
            for part, attribute in split_columns(logits, self.learnt)
        ]

    def _scores(self, features: torch.Tensor, part: torch.Tensor, attribute: Attribute) -> torch.Tensor:
        if attribute.name not in self.heads:
            return scores_of(part, attribute)
        head: Any = self.heads[attribute.name]
        return head.scores(head(features))


def split_columns(rows: torch.Tensor, learnt: tuple[Attribute, ...]) -> list[tuple[torch.Tensor, Attribute]]:
    """Return the columns (N, values) of each learnt attribute, with it."""
    widths = [len(attribute.values) for attribute in learnt]
    return list(zip(rows.split(widths, dim=1), learnt, strict=True))


def scores_of(logits: torch.Tensor, attribute: Attribute) -> torch.Tensor:
    """Return an attribute's scores from its logits: one value of all, or each value for itself."""
    return logits.sigmoid() if attribute.multiple else logits.softmax(dim=1)
