"""Heads for attributes of several values, fitted on the features of a trained network: independent, chained, by sets.

Each gives what `SeveralHead` describes for a box. All are linear in the features, so that a table of them compares ways
of telling several values, and nothing else.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

LabelSets = tuple[tuple[int, ...], ...]
FIT_STEPS = 60


class SeveralHeadModule(nn.Module):
    """What the heads have in common: a linear layer, and the temperature that logits are divided by.

    Args:
        width: Number of features.
        columns: Number of logits.
    """

    temperature: torch.Tensor

    def __init__(self, width: int, columns: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, columns)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("temperature", torch.ones(()))

    if TYPE_CHECKING:  # nn.Module's own call is untyped

        def __call__(self, features: torch.Tensor) -> torch.Tensor:  # noqa: D102 - as forward
            ...

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (N, columns) of features (N, width)."""
        return self.linear(features)

    def fitting_loss(self, features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return how far the head is from labels (N, values), in the mean over pictures."""
        return self.loss(self.linear(features), targets)

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return how unlikely labels (N, values) are under logits (N, columns)."""
        return functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(targets)

    def scores(self, logits: torch.Tensor) -> torch.Tensor:
        """Return scores (N, columns), 0 to 1, of logits."""
        return (logits / self.temperature).sigmoid()


class RelevanceHead(SeveralHeadModule):
    """Binary relevance: a logistic regression for each value, none of which knows of another."""


class OneVsAllHead(SeveralHeadModule):
    """One-vs-all: a column for each value that parts it from all others by a margin, and no likelihood.

    Those of a network are learnt with its features; fitted, they are regularised machines of squared hinge loss.

    Source: Rifkin and Klautau, In Defense of One-Vs-All Classification, 2004, section 3.
    """

    def fitting_loss(self, features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sum over values of the squares by which margins of one are missed, in the mean over pictures."""
        missed = functional.relu(1 - (2 * targets - 1) * self.linear(features))
        return missed.square().sum() / len(targets)


class ChainHead(SeveralHeadModule):
    """A classifier chain: each value's regression sees the features and what was said of all values before it.

    It is fitted on what is true of those before it, and in use gets their scores, so that a doubt is passed on.

    Args:
        width: Number of features.
        order: Indices of the values, in the order of the chain.

    Source: Read et al., Classifier Chains for Multi-label Classification, 2011, figures 1 and 2.
    """

    order: torch.Tensor

    def __init__(self, width: int, order: Sequence[int]) -> None:
        super().__init__(width, len(order))
        self.links = nn.Parameter(torch.zeros(len(order), len(order)))
        self.register_buffer("order", torch.tensor(list(order)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (N, values) of features (N, width)."""
        own = self.linear(features)
        logits: list[torch.Tensor] = []
        said: list[torch.Tensor] = []
        for place, index in enumerate(self.order.tolist()):
            logit = own[:, index : index + 1]
            if said:
                logit = logit + torch.cat(said, dim=1) @ self.links[place, :place, None]
            logits.append(logit)
            said.append(logit.sigmoid())
        places = torch.argsort(self.order).tolist()
        return torch.cat([logits[place] for place in places], dim=1)

    def fitting_loss(self, features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sum of the values' losses, each given the truth of those before it."""
        known = targets[:, self.order]
        logits = self.linear(features)[:, self.order] + known @ self.links.tril(-1).t()
        return self.loss(logits, known)


class PowersetHead(SeveralHeadModule):
    """Label powerset: one class for each set of values that occurs among the pictures to learn from.

    Args:
        width: Number of features.
        label_sets: The sets, by column.
        values: Number of values.

    Source: Tsoumakas and Katakis, Multi-Label Classification: An Overview, 2007, section 3.1.
    """

    members: torch.Tensor

    def __init__(self, width: int, label_sets: LabelSets, values: int) -> None:
        super().__init__(width, len(label_sets))
        self.label_sets = label_sets
        members = torch.zeros(len(label_sets), values)
        for row, label_set in enumerate(label_sets):
            members[row, list(label_set)] = 1
        self.register_buffer("members", members)

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return how unlikely the pictures' sets are; pictures of sets that are not known are left out."""
        same = (targets[:, None, :] == self.members[None]).all(dim=2)
        known = same.any(dim=1)
        return functional.cross_entropy(logits[known], same[known].float().argmax(dim=1))

    def scores(self, logits: torch.Tensor) -> torch.Tensor:
        """Return scores (N, sets) of logits."""
        return (logits / self.temperature).softmax(dim=1)


class PowersetValuesHead(PowersetHead):
    """A label powerset read value by value: the same columns, at the temperature that its values are likeliest at."""

    @classmethod
    def of(cls, fitted: PowersetHead) -> "PowersetValuesHead":
        """Return another reading of a fitted powerset, whose linear layer it shares."""
        values = fitted.members.shape[1]
        head = cls(fitted.linear.in_features, fitted.label_sets, values)
        head.linear = fitted.linear
        return head

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return how unlikely the pictures' values are, each scored by the sum of the sets that hold it."""
        likely = (logits.softmax(dim=1) @ self.members).clamp(max=1)
        return functional.binary_cross_entropy(likely, targets, reduction="sum") / len(targets)


def label_sets_of(targets: torch.Tensor) -> LabelSets:
    """Return the sets of values that occur in labels (N, values), the commonest first."""
    rows = [tuple(torch.nonzero(row).flatten().tolist()) for row in targets]
    counts = {one: rows.count(one) for one in dict.fromkeys(rows)}
    return tuple(sorted(counts, key=lambda one: (-counts[one], one)))


def chain_order_of(targets: torch.Tensor) -> tuple[int, ...]:
    """Return the order of a chain: the commonest value first, since what is general tells of what is special."""
    return tuple(torch.argsort(-targets.sum(dim=0), stable=True).tolist())


def fit(head: SeveralHeadModule, features: torch.Tensor, targets: torch.Tensor, weight_decay: float) -> None:
    """Fit a head to features and labels, to the minimum of its loss and the square of its weights.

    Args:
        head: Fresh.
        features: (N, width).
        targets: (N, values), 0 or 1.
        weight_decay: Weight of the squares of all weights of standardised features, biases left out.

    Source: Nocedal, Updating Quasi-Newton Matrices with Limited Storage, 1980 (L-BFGS); the losses are convex.
    """
    mean, std = features.mean(dim=0), features.std(dim=0).clamp(min=1e-6)
    standardised = (features - mean) / std
    weights = [parameter for parameter in head.parameters() if parameter.ndim > 1]
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=FIT_STEPS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        loss = head.fitting_loss(standardised, targets)
        loss = loss + weight_decay * torch.stack([weight.square().sum() for weight in weights]).sum()
        loss.backward()
        return float(loss.detach())

    optimiser.step(closure)
    with torch.no_grad():  # what was fitted on standardised features takes them as they come
        head.linear.weight.div_(std)
        head.linear.bias.sub_(head.linear.weight @ mean)
    head.requires_grad_(requires_grad=False)
