"""The network whose features heads are fitted on: one that learnt the set's values, or what they say told otherwise."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from train.checkpoints import save_state
from train.classifier.backbones import create_backbone
from train.classifier.network import TagNetwork
from train.classifier.run import Division, divide, divide_as, learnt_from
from train.classifier.settings import ClassifierConfig, read_classifier_config
from train.classifier.start import past_of
from train.classifier.teacher import load_network
from train.flat_sets import as_before, flat_taxonomy
from train.run_folders import BEST, CONFIG, copy_best


@dataclass(frozen=True, slots=True)
class HeadSource:
    """A network, and what decided it.

    Attributes:
        run: The folder of its training.
        network: Its columns are those of the set that heads are fitted to.
        config: Of the folder that network and heads are written into.
        division: The set's pictures that it learnt from, and those that were kept out.
        own: Whether its columns were learnt; else they tell nothing until `fill` fills them.
    """

    run: Path
    network: TagNetwork
    config: ClassifierConfig
    division: Division
    own: bool

    @classmethod
    def open(cls, run: Path, tagged_set: TaggedSet, command: str) -> "HeadSource":
        """Open a run for a set of several values.

        Args:
            run: A classifier's that learnt the set, or the one that the set tells flat.
            tagged_set: Of an attribute of several values.
            command: That fits the heads.

        Raises:
            EdgekitError: The run is not whole or learnt something else, or the set has no attribute of several values.
        """
        config = read_classifier_config(run)
        if tagged_set.description == config.tagged_set:
            if not any(attribute.multiple for attribute in config.tagged_set.taxonomy.learnt):
                raise EdgekitError(
                    f"no attribute of {tagged_set.folder} has several values, and one of one value has one head: name "
                    "a set that tells several at once, as `edgekit data flatten` makes it of this one"
                )
            return cls(run, load_network(run), config, divide_as(run, tagged_set), own=True)
        division = divide(tagged_set, config.settings)
        before = config.tagged_set.taxonomy
        told_flat = tagged_set.description.taxonomy == flat_taxonomy(before)
        if not told_flat or _digest_before(tagged_set, division, config) != config.learnt_from.digest:
            raise EdgekitError(
                f"{run} learnt from another set than {tagged_set.folder}: name the one it was trained on, or what "
                "`edgekit data flatten` made of that"
            )
        flat = config.model_copy(
            update={
                "tagged_set": tagged_set.description,
                "learnt_from": learnt_from(tagged_set, division.learn),
                "past": past_of(config),
                "command": command,
            }
        )
        return cls(run, _with_fresh_columns(load_network(run), flat), flat, division, own=False)

    def fill(self, columns: slice, linear: nn.Linear) -> None:
        """Let columns of the network be those of a linear layer."""
        with torch.no_grad():
            self.network.head.weight[columns] = linear.weight
            self.network.head.bias[columns] = linear.bias

    def save(self, folder: Path) -> None:
        """Write what looks like the folder of a run.

        Raises:
            OSError: It cannot be read or written.
            EdgekitError: As OSError, of the checkpoint.
        """
        if self.own:
            copy_best(self.run, folder)
            return
        (folder / BEST).parent.mkdir(parents=True)
        (folder / CONFIG).write_text(self.config.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
        save_state({"epoch": 0, "network": self.network.state_dict()}, folder / BEST)


def _digest_before(tagged_set: TaggedSet, division: Division, config: ClassifierConfig) -> str:
    """Return the digest of what a run would have learnt of a flat set's pictures, tagged as they were before."""
    before = tuple(as_before(picture, config.tagged_set.taxonomy) for picture in division.learn)
    return learnt_from(tagged_set, before).digest


def _with_fresh_columns(network: TagNetwork, config: ClassifierConfig) -> TagNetwork:
    """Return a network of the same backbone, with columns for what a configuration's set tells."""
    settings = config.settings.network
    backbone = create_backbone(settings, started=False, channels=config.channels)
    fresh = TagNetwork(backbone, config.tagged_set.taxonomy, settings.dropout)
    fresh.backbone.load_state_dict(network.backbone.state_dict())
    return fresh.eval()
