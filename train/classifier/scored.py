"""What is exported of a classifier: calibrated scores, and behind them features where asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from edge.model.taxonomy import Attribute, Taxonomy
from train.classifier.ensemble import Ensemble
from train.classifier.familiarity import Familiarity
from train.classifier.heads import SeveralHeadModule
from train.classifier.network import scores_of, split_columns


class ScoredNetwork(nn.Module):
    """Scores 0 to 1 instead of logits, and behind them the unit-length features where asked for.

    Args:
        ensemble: The trained networks, one or more.
        taxonomy: Its attributes.
        temperature: Logits are divided by it, so that a score is the share of right answers among its like.
        embedding: Whether the features follow the scores.
        familiarity: Takes their scores from pictures that are like nothing that was learnt.
        heads: By attribute of several values: what tells it instead of a network's own columns.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        taxonomy: Taxonomy,
        temperature: float,
        *,
        embedding: bool,
        familiarity: Familiarity,
        heads: Mapping[str, SeveralHeadModule] | None = None,
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(dict(heads or {}))
        self.ensemble = ensemble
        self.learnt = taxonomy.learnt
        self.temperature = temperature
        self.embedding = embedding
        self.familiarity = familiarity

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return (N, columns) or (N, columns + width) of pictures (N, 3, side, side), RGB, 0 to 1."""
        features, peaks = self.ensemble.see(pictures)
        parts = [scores for scores, _ in self.scores(features, peaks)]
        return torch.cat([*parts, self.ensemble.directions(features)] if self.embedding else parts, dim=1)

    def scores(self, features: torch.Tensor, peaks: torch.Tensor) -> list[tuple[torch.Tensor, Attribute]]:
        """Return the scores (N, columns) of each learnt attribute, with it, of the features and peaks of all looks."""
        familiar: torch.Tensor = self.familiarity(self.ensemble.directions(peaks))
        looks = [self._scores_of_look(*look) for look in self.ensemble.looks(features)]
        of_attributes = zip(*looks, strict=True)
        return [
            (_mean(parts) * familiar, attribute) for parts, attribute in zip(of_attributes, self.learnt, strict=True)
        ]

    def _scores_of_look(self, features: torch.Tensor, logits: torch.Tensor) -> list[torch.Tensor]:
        return [
            self._scores(features, part, attribute)
            for part, attribute in split_columns(logits / self.temperature, self.learnt)
        ]

    def _scores(self, features: torch.Tensor, part: torch.Tensor, attribute: Attribute) -> torch.Tensor:
        if attribute.name not in self.heads:
            return scores_of(part, attribute)
        head: Any = self.heads[attribute.name]
        return head.scores(head(features))


def _mean(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(parts)).mean(dim=0) if len(parts) > 1 else parts[0]
