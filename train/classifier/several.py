"""Fits every way of telling several values on one network's features, and scores them side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from devices.errors import EdgekitError
from edge.evaluate.classification import score_attributes
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.classifier import TagDecoder
from edge.model.several import SeveralHead, SeveralMethod
from edge.model.taxonomy import Attribute, Taxonomy
from edge.new_folder import new_folder
from train.checkpoints import checkpoint_sha256, load_state
from train.classifier.calibration import EVEN, calibrate
from train.classifier.head_record import HEADS, FittedHeads, HeadScore
from train.classifier.heads import (
    ChainHead,
    LabelSets,
    PowersetHead,
    RelevanceHead,
    SeveralHeadModule,
    chain_order_of,
    fit,
    label_sets_of,
)
from train.classifier.network import TagNetwork, split_columns
from train.classifier.pictures import read_pictures
from train.classifier.run import divide
from train.classifier.scores import features_of
from train.classifier.settings import read_classifier_config
from train.classifier.teacher import load_network
from train.run_folders import BEST, copy_best

FITTED_HEADS = Path("weights") / "heads.pt"
MOST_LABEL_SETS = 2000  # beyond, sets of values are too many to be told as classes

Heads = Mapping[SeveralMethod, SeveralHeadModule]


@dataclass(frozen=True, slots=True)
class Sample:
    """Features (N, width) and labels (N, columns) of pictures."""

    features: torch.Tensor
    targets: torch.Tensor


def fit_heads(run: Path, tagged_set: TaggedSet, out: Path, weight_decay: float) -> FittedHeads:
    """Fit and compare the heads of a run's attributes of several values.

    Args:
        run: The folder of `train_classifier`; its own head is the one-vs-all of the comparison.
        tagged_set: The set that it learnt from.
        out: The new folder: the run's network and settings, and the heads beside them.
        weight_decay: Weight of the squares of the heads' weights.

    Raises:
        EdgekitError: The run is not whole, learnt from another set or has no such attribute, or `out` exists.
    """
    config = read_classifier_config(run)
    if tagged_set.description != config.tagged_set:
        raise EdgekitError(f"{run} learnt from another set than {tagged_set.folder}: name the one it was trained on")
    taxonomy, side = config.tagged_set.taxonomy, config.settings.input_px
    if not any(attribute.multiple for attribute in taxonomy.learnt):
        raise EdgekitError(f"no attribute of {tagged_set.folder} has several values: one of one value has one head")
    network = load_network(run)
    division = divide(tagged_set, config.settings)
    learn, held = (_sample(network, part, taxonomy, side) for part in (division.learn, division.held))
    heads: dict[str, Heads] = {}
    scores: list[HeadScore] = []
    for position, attribute in enumerate(taxonomy.learnt):
        if not attribute.multiple:
            continue
        own_learn, own_held = (
            Sample(one.features, split_columns(one.targets, taxonomy.learnt)[position][0]) for one in (learn, held)
        )
        fitted = _fitted(own_learn, weight_decay, attribute)
        heads[attribute.name] = {"one-vs-all": _own_head(network, taxonomy, position), **fitted}
        for method, head in heads[attribute.name].items():
            calibrate(head, head(own_held.features), own_held.targets)
            scores.append(_score(attribute, method, head, own_held))
    record = FittedHeads(
        network=checkpoint_sha256(run / BEST),
        weight_decay=weight_decay,
        pictures=len(held.targets),
        label_sets={name: _label_sets(of_one) for name, of_one in heads.items()},
        scores=tuple(scores),
    )
    with new_folder(out) as partial:
        copy_best(run, partial)
        torch.save(
            {f"{name}/{way}": head.state_dict() for name, of_one in heads.items() for way, head in of_one.items()},
            partial / FITTED_HEADS,
        )
        (partial / HEADS).write_text(record.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
    return record


def load_heads(
    run: Path, width: int, taxonomy: Taxonomy, chosen: Mapping[str, SeveralHead]
) -> dict[str, SeveralHeadModule]:
    """Return the chosen heads of a folder that `fit_heads` wrote, by attribute.

    Args:
        run: The folder.
        width: Number of features that they take.
        taxonomy: What its network learnt.
        chosen: By attribute: how it is told.

    Raises:
        EdgekitError: They are missing, or not those that the record tells of.
    """
    path = run / FITTED_HEADS
    state = load_state(path)
    result: dict[str, SeveralHeadModule] = {}
    for name, head in chosen.items():
        attribute = taxonomy.attribute(name)
        if attribute is None or not head.fits(attribute):
            raise EdgekitError(f"{run / HEADS} tells of a head of {name}, which is not what {run} learnt")
        module = _create(head, width, len(attribute.values))
        try:
            module.load_state_dict(state[f"{name}/{head.method}"])
        except (KeyError, RuntimeError) as exc:
            raise EdgekitError(f"{path} holds no {head.method} head of {name} as {HEADS} tells of it") from exc
        result[name] = module.eval()
    return result


def _sample(network: TagNetwork, pictures: tuple[TaggedPicture, ...], taxonomy: Taxonomy, side: int) -> Sample:
    read, _ = read_pictures(pictures, taxonomy, side, skip_bad=True)
    return Sample(features_of(network, read.images), read.targets)


def _create(head: SeveralHead, width: int, values: int) -> SeveralHeadModule:
    match head.method:
        case "one-vs-all" | "binary-relevance":
            return RelevanceHead(width, values)
        case "chain":
            return ChainHead(width, range(values))  # the checkpoint brings the order
        case "powerset":
            return PowersetHead(width, head.label_sets, values)


def _fitted(learn: Sample, weight_decay: float, attribute: Attribute) -> dict[SeveralMethod, SeveralHeadModule]:
    """Return the heads that are fitted on features, each to its own minimum.

    Raises:
        EdgekitError: There are too many sets of values.
    """
    width, values = learn.features.shape[1], len(attribute.values)
    label_sets = label_sets_of(learn.targets)
    if len(label_sets) > MOST_LABEL_SETS:
        raise EdgekitError(
            f"{attribute.name} has {len(label_sets)} different sets of values, above the {MOST_LABEL_SETS} that a "
            "powerset can tell: part it into several attributes"
        )
    heads: dict[SeveralMethod, SeveralHeadModule] = {
        "binary-relevance": RelevanceHead(width, values),
        "chain": ChainHead(width, chain_order_of(learn.targets)),
        "powerset": PowersetHead(width, label_sets, values),
    }
    for head in heads.values():
        fit(head, learn.features, learn.targets, weight_decay)
    return heads


def _own_head(network: TagNetwork, taxonomy: Taxonomy, position: int) -> RelevanceHead:
    """Return the network's own columns of an attribute: all values at once, learnt together with the backbone."""
    begin = sum(len(attribute.values) for attribute in taxonomy.learnt[:position])
    rows = slice(begin, begin + len(taxonomy.learnt[position].values))
    head = RelevanceHead(network.head.in_features, rows.stop - rows.start)
    head.requires_grad_(requires_grad=False)
    with torch.no_grad():
        head.linear.weight.copy_(network.head.weight[rows])
        head.linear.bias.copy_(network.head.bias[rows])
    return head


def _label_sets(heads: Heads) -> LabelSets:
    powerset = heads["powerset"]
    if not isinstance(powerset, PowersetHead):
        raise TypeError("the powerset's head is another one's")
    return powerset.label_sets


def _score(attribute: Attribute, method: SeveralMethod, head: SeveralHeadModule, held: Sample) -> HeadScore:
    """Score a head by what a box would say of the kept-out pictures."""
    described = SeveralHead(method=method, label_sets=head.label_sets if isinstance(head, PowersetHead) else ())
    alone = Taxonomy(attributes=(attribute,))
    decoder = TagDecoder(alone, {attribute.name: EVEN}, heads={attribute.name: described})
    with torch.inference_mode():
        rows = head.scores(head(held.features)).numpy()
    truth = [((*torch.nonzero(row).flatten().tolist(),),) for row in held.targets]
    (score,) = score_attributes(alone, truth, [decoder.decode(row) for row in rows])
    return HeadScore(
        attribute=attribute.name,
        method=method,
        exact=score.accuracy,
        micro_f1=score.micro_f1,
        macro_f1=score.macro_f1,
        mean_average_precision=score.mean_average_precision or 0.0,
        calibration_error=score.calibration_error,
    )
