"""What a classifier's training starts from: random weights, a file's, or another run's best network with its past."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from devices.errors import EdgekitError
from edge.model.manifest import WeightsEntry
from edge.model.taxonomy import Taxonomy
from train.beginning import Past
from train.classifier.backbones import create_backbone
from train.classifier.network import TagNetwork
from train.classifier.recipe import recipe_of
from train.classifier.settings import ClassifierConfig, NetworkSettings, read_classifier_config
from train.classifier.teacher import load_network
from train.run_folders import CONFIG


@dataclass(frozen=True, slots=True)
class Start:
    """A network that nothing was learnt with yet.

    Attributes:
        network: The network.
        weights: What the very first training started from.
        past: What was before; None where it is no run's.
        channels: Of each layer of its backbone, where that was pruned.
    """

    network: TagNetwork
    weights: WeightsEntry
    past: Past | None
    channels: Mapping[str, tuple[int, int]] | None = None


def start_network(settings: NetworkSettings, taxonomy: Taxonomy) -> Start:
    """Create the network of a training.

    Where the weights are a run's, its whole network is taken over in the shape that it has, and of its head the rows of
    values that both know.

    Args:
        settings: Names the backbone and its weights.
        taxonomy: Gives the head's columns.

    Raises:
        EdgekitError: The backbone is unknown, or the weights are not of it.
    """
    run = settings.weights
    if run is None or not (run / CONFIG).exists():
        fresh = create_backbone(settings)
        return Start(TagNetwork(fresh, taxonomy, settings.dropout), fresh.weights, fresh.past)
    config, begun = read_classifier_config(run), load_network(run)
    backbone = create_backbone(settings, started=False, channels=config.channels)
    network = TagNetwork(backbone, taxonomy, settings.dropout)
    try:
        network.backbone.load_state_dict(begun.backbone.state_dict())
    except RuntimeError as exc:
        raise EdgekitError(
            f"{run} is of another backbone than {settings.backbone}: start from one of the same"
        ) from exc
    with torch.no_grad():
        known = _columns(config.tagged_set.taxonomy)
        for value, column in _columns(taxonomy).items():
            if value in known:
                network.head.weight[column] = begun.head.weight[known[value]]
                network.head.bias[column] = begun.head.bias[known[value]]
    return Start(network, first_weights_of(config), past_of(config), config.channels)


def first_weights_of(config: ClassifierConfig) -> WeightsEntry:
    """Return what the very first training of a run's network started from."""
    if config.past is not None:
        return config.past.weights
    return config.weights or create_backbone(config.settings.network).weights


def past_of(config: ClassifierConfig) -> Past:
    """Return what a training that goes on from a run has to tell of it."""
    before, own = config.past, recipe_of(config)
    return Past(
        command=own if before is None else f"{before.command} && {own}",
        weights=first_weights_of(config),
        learnt_from=tuple(dict.fromkeys((*(before.learnt_from if before is not None else ()), config.learnt_from))),
    )


def _columns(taxonomy: Taxonomy) -> dict[tuple[str, str], int]:
    """Return the head's column of each value of each learnt attribute."""
    values = [(attribute.name, value) for attribute in taxonomy.learnt for value in attribute.values]
    return {value: column for column, value in enumerate(values)}
