"""Accuracy while a classifier trains: of each attribute, learnt or implied, on the network itself."""

from collections.abc import Mapping

import torch

from edge.model.taxonomy import Taxonomy
from train.classifier.ensemble import Ensemble
from train.classifier.network import TagNetwork, scores_of, split_columns
from train.classifier.pictures import Pictures

_BATCH = 64


@torch.inference_mode()
def logits_of(network: TagNetwork, images: torch.Tensor) -> torch.Tensor:
    """Return logits (N, columns) of pictures (N, 3, H, W) uint8 RGB."""
    network.eval()
    batches = [network(batch.float() / 255) for batch in images.split(_BATCH)]
    return torch.cat(batches)


@torch.no_grad()  # not inference mode: heads are fitted on these
def features_of(network: TagNetwork, images: torch.Tensor) -> torch.Tensor:
    """Return features (N, width) of pictures (N, 3, H, W) uint8 RGB."""
    network.eval()
    return torch.cat([network.features(batch.float() / 255) for batch in images.split(_BATCH)])


@torch.no_grad()
def seen_by(ensemble: Ensemble, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return features and peaks, each (N, widths of all looks), of pictures (N, 3, side, side) uint8 RGB."""
    ensemble.eval()
    features, peaks = zip(*(ensemble.see(batch.float() / 255) for batch in images.split(_BATCH)), strict=True)
    return torch.cat(features), torch.cat(peaks)


def accuracies(logits: torch.Tensor, pictures: Pictures, taxonomy: Taxonomy) -> Mapping[str, float]:
    """Return the share of right answers by attribute; of several values, the micro F1 at a score of 0.5."""
    result: dict[str, float] = {}
    targets = {attribute.name: part for part, attribute in split_columns(pictures.targets, taxonomy.learnt)}
    for part, attribute in split_columns(logits, taxonomy.learnt):
        wanted = targets[attribute.name]
        if attribute.multiple:
            said = (scores_of(part, attribute) >= 0.5).float()  # noqa: PLR2004 - even odds
            both = float((said * wanted).sum())
            result[attribute.name] = 2 * both / max(1.0, float(said.sum() + wanted.sum()))
            continue
        answer, truth = part.argmax(dim=1), wanted.argmax(dim=1)
        result[attribute.name] = float((answer == truth).float().mean())
        for implied in taxonomy.implied(attribute.name):
            follows = torch.tensor(implied.follows)
            result[implied.name] = float((follows[answer] == follows[truth]).float().mean())
    return result
