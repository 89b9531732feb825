"""A teacher: one or more trained classifiers whose mean a student learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from devices.errors import EdgekitError
from edge.model.taxonomy import Taxonomy
from train.checkpoints import checkpoint_sha256, load_state
from train.classifier.backbones import create_backbone
from train.classifier.network import TagNetwork, all_scores
from train.classifier.settings import read_classifier_config
from train.run_folders import BEST


@dataclass(frozen=True, slots=True)
class _Member:
    network: TagNetwork
    side: int


class Teacher:
    """Scores of one or more classifiers, averaged.

    Args:
        runs: Their folders.
        taxonomy: What the student learns; theirs has to be the same.
        bf16: Compute in bf16.

    Raises:
        EdgekitError: A run has another taxonomy, or cannot be loaded.
    """

    def __init__(self, runs: Sequence[Path], taxonomy: Taxonomy, *, bf16: bool) -> None:
        self._taxonomy = taxonomy
        self._bf16 = bf16
        self._members = [_load(run, taxonomy) for run in runs]
        self.digests = tuple(checkpoint_sha256(run / BEST) for run in runs)
        self.side = max(member.side for member in self._members)

    @torch.no_grad()  # not inference mode: the student's gradient is taken through a loss that holds these
    def scores(self, pictures: torch.Tensor, temperature: float) -> torch.Tensor:
        """Return scores (N, columns) at a temperature of pictures (N, 3, side, side) float RGB, 0 to 1."""
        total = torch.zeros(len(pictures), self._taxonomy.columns)
        for member in self._members:
            seen = pictures
            if member.side != pictures.shape[-1]:
                seen = torch.nn.functional.interpolate(
                    pictures, (member.side, member.side), mode="bilinear", antialias=True, align_corners=False
                )
            with torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
                logits = member.network(seen.contiguous(memory_format=torch.channels_last))
            total += all_scores(logits.float() / temperature, self._taxonomy.learnt)
        return total / len(self._members)


def _load(run: Path, taxonomy: Taxonomy) -> _Member:
    config = read_classifier_config(run)
    if config.tagged_set.taxonomy != taxonomy:
        raise EdgekitError(f"the teacher {run} knows other attributes or values than the student is to learn")
    network = load_network(run)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - torch's stub lacks it
    # A teacher sees crops of the size that it was trained on: what it knows best.
    return _Member(network, config.settings.learning_px)


def load_network(run: Path) -> TagNetwork:
    """Return the best network of a run, ready for use.

    Raises:
        EdgekitError: The folder is no run, or holds no finished epoch.
    """
    config = read_classifier_config(run)
    backbone = create_backbone(config.settings.network, started=False, channels=config.channels)
    network = TagNetwork(backbone, config.tagged_set.taxonomy, config.settings.network.dropout)
    try:
        network.load_state_dict(load_state(run / BEST)["network"])
    except (KeyError, RuntimeError) as exc:
        raise EdgekitError(f"{run / BEST} is not of the network that {run} describes") from exc
    return network.eval()
