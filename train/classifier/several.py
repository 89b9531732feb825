"""Fits every way of telling several values on one network's features, and scores them side by side."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.several import SeveralHead, SeveralMethod
from edge.model.taxonomy import Attribute, Taxonomy
from edge.new_folder import new_folder
from train.checkpoints import checkpoint_sha256, load_state
from train.classifier.calibration import calibrate
from train.classifier.head_fitting import FittedMethod, Sample, fit_head, score_head
from train.classifier.head_record import HEADS, FittedHeads, HeadScore
from train.classifier.head_source import HeadSource
from train.classifier.heads import (
    ChainHead,
    OneVsAllHead,
    PowersetHead,
    PowersetValuesHead,
    RelevanceHead,
    SeveralHeadModule,
)
from train.classifier.network import TagNetwork
from train.classifier.pictures import read_pictures
from train.classifier.scores import features_of
from train.run_folders import BEST

FITTED_HEADS = Path("weights") / "heads.pt"

Heads = Mapping[SeveralMethod, SeveralHeadModule]


def fit_heads(run: Path, tagged_set: TaggedSet, out: Path, weight_decay: float) -> FittedHeads:
    """Fit and compare the heads of a set's attributes of several values.

    Args:
        run: The folder of `train_classifier`, which learnt the set; its own head is then the one-vs-all of the
            comparison. Or one that learnt what the set tells flat: then one-vs-all is fitted as the others are.
        tagged_set: The set.
        out: The new folder: the run's network and settings, and the heads beside them.
        weight_decay: Weight of the squares of the heads' weights.

    Raises:
        EdgekitError: The run is not whole, learnt from another set, the set has no such attribute, or `out` exists.
    """
    command = f"edgekit train heads RUN OUT --set {tagged_set.description.name} --weight-decay {weight_decay:g}"
    source = HeadSource.open(run, tagged_set, command)
    learn, held = (_sample(source, part) for part in (source.division.learn, source.division.held))
    heads: dict[str, Heads] = {}
    scores: list[HeadScore] = []
    for attribute, columns in _of_several_values(tagged_set.description.taxonomy):
        heads[attribute.name] = _heads(source, attribute, learn.under(columns), columns, weight_decay)
        kept_out = held.under(columns)
        scores += [_score(attribute, method, one, kept_out) for method, one in heads[attribute.name].items()]
    record = FittedHeads(
        network=checkpoint_sha256(run / BEST),
        weight_decay=weight_decay,
        own=source.own,
        pictures=len(held.targets),
        label_sets={name: _powerset(of_one).label_sets for name, of_one in heads.items()},
        scores=tuple(scores),
    )
    states = {f"{name}/{way}": one.state_dict() for name, of_one in heads.items() for way, one in of_one.items()}
    with new_folder(out) as partial:
        source.save(partial)
        torch.save(states, partial / FITTED_HEADS)
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


def _sample(source: HeadSource, pictures: Sequence[TaggedPicture]) -> Sample:
    config = source.config
    read, _ = read_pictures(pictures, config.tagged_set.taxonomy, config.settings.input_px, skip_bad=True)
    return Sample(features_of(source.network, read.images), read.targets)


def _of_several_values(taxonomy: Taxonomy) -> Iterator[tuple[Attribute, slice]]:
    """Yield each attribute of several values with its columns."""
    begin = 0
    for attribute in taxonomy.learnt:
        columns = slice(begin, begin + len(attribute.values))
        begin = columns.stop
        if attribute.multiple:
            yield attribute, columns


def _heads(source: HeadSource, attribute: Attribute, learn: Sample, columns: slice, weight_decay: float) -> Heads:
    """Return the heads of an attribute, the one-vs-all of the network's own columns or put into them.

    Raises:
        EdgekitError: There are too many sets of values.
    """
    if source.own:
        heads: dict[SeveralMethod, SeveralHeadModule] = {"one-vs-all": _own_head(source.network, columns)}
    else:
        heads = {"one-vs-all": fit_head("one-vs-all", attribute, learn, weight_decay)}
        source.fill(columns, heads["one-vs-all"].linear)
    others: tuple[FittedMethod, ...] = ("binary-relevance", "chain", "powerset")
    for method in others:
        heads[method] = fit_head(method, attribute, learn, weight_decay)
    heads["powerset-values"] = PowersetValuesHead.of(_powerset(heads))
    return heads


def _own_head(network: TagNetwork, columns: slice) -> OneVsAllHead:
    """Return the network's own columns of an attribute: all values at once, learnt together with the backbone."""
    head = OneVsAllHead(network.head.in_features, columns.stop - columns.start)
    head.requires_grad_(requires_grad=False)
    with torch.no_grad():
        head.linear.weight.copy_(network.head.weight[columns])
        head.linear.bias.copy_(network.head.bias[columns])
    return head


def _create(head: SeveralHead, width: int, values: int) -> SeveralHeadModule:
    match head.method:
        case "one-vs-all":
            return OneVsAllHead(width, values)
        case "binary-relevance":
            return RelevanceHead(width, values)
        case "chain":
            return ChainHead(width, range(values))  # the checkpoint brings the order
        case "powerset":
            return PowersetHead(width, head.label_sets, values)
        case "powerset-values":
            return PowersetValuesHead(width, head.label_sets, values)


def _powerset(heads: Heads) -> PowersetHead:
    powerset = heads["powerset"]
    if not isinstance(powerset, PowersetHead):
        raise TypeError("the powerset's head is another one's")
    return powerset


def _score(attribute: Attribute, method: SeveralMethod, head: SeveralHeadModule, held: Sample) -> HeadScore:
    """Give a head the temperature of the kept-out pictures, and score it on them."""
    calibrate(head, head(held.features), held.targets)
    score = score_head(attribute, method, head, held)
    return HeadScore(
        attribute=attribute.name,
        method=method,
        exact=score.accuracy,
        micro_f1=score.micro_f1,
        macro_f1=score.macro_f1,
        mean_average_precision=score.mean_average_precision or 0.0,
        calibration_error=score.calibration_error,
    )
