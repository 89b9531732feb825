"""What is done about values that are rare in a set: weights in the loss, or more draws."""

import torch

from edge.model.taxonomy import Taxonomy
from train.classifier.network import split_columns


def value_weights(targets: torch.Tensor, taxonomy: Taxonomy) -> torch.Tensor:
    """Return a weight (columns,) for each value: rarer ones count more, 1 in the mean over an attribute's values.

    Args:
        targets: (N, columns), 0 or 1.
        taxonomy: Gives the attributes.
    """
    parts: list[torch.Tensor] = []
    for part, _ in split_columns(targets, taxonomy.learnt):
        inverse = 1 / part.sum(dim=0).clamp(min=1)
        parts.append(inverse / inverse.mean())
    return torch.cat(parts)


def draws_of(targets: torch.Tensor, taxonomy: Taxonomy, imbalance: str, generator: torch.Generator) -> torch.Tensor:
    """Return the rows that an epoch trains on.

    `oversample` draws as many as there are pictures, each with a chance of the inverse of its rarest value's count;
    `undersample` takes of each value of the first attribute as many as the rarest has; else all rows, once.

    Args:
        targets: (N, columns), 0 or 1.
        taxonomy: Gives the attributes.
        imbalance: What is done about rare values.
        generator: Of the draw.
    """
    if imbalance == "oversample":
        counts = targets.sum(dim=0).clamp(min=1)
        chances = (targets / counts).max(dim=1).values.clamp(min=1e-9)
        return torch.multinomial(chances, len(targets), replacement=True, generator=generator)
    if imbalance == "undersample":
        first = split_columns(targets, taxonomy.learnt)[0][0]
        present = [index for index in range(first.shape[1]) if float(first[:, index].sum()) > 0]
        least = int(min(float(first[:, index].sum()) for index in present))
        drawn: set[int] = set()
        for index in present:
            rows = torch.nonzero(first[:, index]).flatten()
            drawn |= set(rows[torch.randperm(len(rows), generator=generator)[:least]].tolist())
        return torch.tensor(sorted(drawn))
    return torch.arange(len(targets))
