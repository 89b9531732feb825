"""Export a trained classifier as the one graph that both engines of a box run: uint8 pictures in, scores out."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from edge.model.export_record import CLASSIFIER, ClassifierExportRecord
from edge.model.manifest import Input
from edge.model.several import SeveralHead, SeveralMethod
from edge.new_folder import new_folder
from train.classifier.calibration import temperature_of, thresholds_of
from train.classifier.familiarity import examples_of_values, fit_familiarity
from train.classifier.head_record import read_heads, require_heads
from train.classifier.members import Members
from train.classifier.pictures import read_pictures
from train.classifier.run import divide_as
from train.classifier.scored import ScoredNetwork
from train.classifier.scores import seen_by
from train.classifier.several import load_heads
from train.export import OPSET, with_picture_input


@dataclass(frozen=True, slots=True)
class _Calibrated:
    """What is exported, and what was found on the pictures that were kept out."""

    scored: ScoredNetwork
    thresholds: Mapping[str, float]
    pictures: int


def export_classifier(
    run: Path,
    tagged_set: TaggedSet,
    out: Path,
    *,
    others: Sequence[Path] = (),
    mirrored: bool = False,
    embedding: bool = False,
    head: SeveralMethod | None = None,
) -> ClassifierExportRecord:
    """Export the best network of a run, or of several as one, its scores calibrated on the pictures kept out of it.

    The input is `image` (1, side, side, 3) uint8 BGR, of several runs the largest side of all. The output `predictions`
    (1, columns) float32 holds a score for each value of each learnt attribute, near 0 all of them where a picture is
    like nothing that was learnt, and behind them, where asked for, features of unit length.

    Args:
        run: The folder of `train_classifier`.
        tagged_set: The set that it learnt from.
        out: The new folder: `classifier.onnx` and `classifier.json`.
        others: Further runs; the scores are the mean of all.
        mirrored: Whether each looks at the picture's mirror image too.
        embedding: Whether features follow the scores, for a gallery of products.
        head: How several values are told, of a folder that `fit_heads` wrote; None for the best there, or where there
            is none for the network's own.

    Raises:
        EdgekitError: A run is not whole or does not fit the others, the set is another one, or `out` exists.
    """
    with new_folder(out) as partial:
        members = Members.open((run, *others), tagged_set, mirrored=mirrored)
        chosen = _chosen_heads(members, head)
        found = _calibrate(members, tagged_set, chosen, embedding=embedding)
        scored, ensemble = found.scored, found.scored.ensemble
        record = ClassifierExportRecord(
            licence=members.weights.licence,
            taxonomy=tagged_set.description.taxonomy,
            input=Input(height=ensemble.side, width=ensemble.side),
            embedding=ensemble.width if embedding else 0,
            thresholds=dict(found.thresholds),
            heads=chosen,
            temperature=scored.temperature,
            familiar_from=scored.familiarity.bound,
            calibrated_on=found.pictures,
            members=tuple(member.digest for member in members.all),
            mirrored=mirrored,
            data=members.data,
            weights=members.weights,
            recipe=members.recipe,
        )
        write_graph(scored, ensemble.side, partial / CLASSIFIER.exported)
        _store_as_half(partial / CLASSIFIER.exported, "familiarity.likeness.matrix")
        (partial / CLASSIFIER.record).write_text(
            record.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8"
        )
    return record


def _chosen_heads(members: Members, head: SeveralMethod | None) -> dict[str, SeveralHead]:
    """Return how several values are told, by attribute, where heads were fitted for them.

    Raises:
        EdgekitError: One is asked for that was not fitted, or there are heads and more networks than one.
    """
    if len(members.all) == 1:
        fitted = require_heads(members.first.run) if head is not None else read_heads(members.first.run)
        return dict(fitted.chosen(head)) if fitted is not None else {}
    headed = next((member.run for member in members.all if read_heads(member.run) is not None), None)
    if head is not None or headed is not None:
        raise EdgekitError(
            f"heads of several values are fitted on one network's features{f', as those of {headed}' if headed else ''}"
            ": export that one alone, or several runs of `train classifier` without --head"
        )
    return {}


def _calibrate(
    members: Members, tagged_set: TaggedSet, chosen: Mapping[str, SeveralHead], *, embedding: bool
) -> _Calibrated:
    ensemble, taxonomy = members.ensemble(), tagged_set.description.taxonomy
    division = divide_as(members.first.run, tagged_set)
    held, _ = read_pictures(division.held, taxonomy, ensemble.side, skip_bad=True)
    features, peaks = seen_by(ensemble, held.images)
    examples, _ = read_pictures(examples_of_values(division.learn), taxonomy, ensemble.side, skip_bad=True)
    _, learnt = seen_by(ensemble, examples.images)
    familiarity = fit_familiarity(ensemble.directions(learnt), examples.targets, ensemble.directions(peaks))
    with torch.inference_mode():
        temperature = temperature_of([logits for _, logits in ensemble.looks(features)], held, taxonomy)
    heads = load_heads(members.first.run, ensemble.width, taxonomy, chosen) if chosen else {}
    scored = ScoredNetwork(ensemble, taxonomy, temperature, embedding=embedding, familiarity=familiarity, heads=heads)
    with torch.inference_mode():
        thresholds = thresholds_of(scored.scores(features, peaks), held, taxonomy)
    return _Calibrated(scored, thresholds, len(held))


def write_graph(network: nn.Module, side: int, out: Path) -> None:
    """Trace a network and write it as an ONNX file that takes a picture: (1, side, side, 3) uint8 BGR.

    Args:
        network: From pictures (N, 3, side, side), RGB, 0 to 1, to rows (N, columns).
        side: Of the input, pixels.
        out: The file.
    """
    plain = out.with_name("plain.onnx")
    example = torch.zeros(1, 3, side, side)
    with warnings.catch_warnings(), torch.inference_mode():
        # Tracing warns of each branch on a shape; the exported input has a fixed size.
        warnings.simplefilter("ignore")
        columns = network.eval()(example).shape[1]
        torch.onnx.export(
            network,
            (example,),
            str(plain),
            input_names=["x"],
            output_names=["y"],
            opset_version=OPSET,
            dynamo=False,
        )
    model = with_picture_input(onnx.load(str(plain)))
    # The tracer leaves the output's sizes open, and an engine would tell them as unknown.
    for axis, size in zip(model.graph.output[0].type.tensor_type.shape.dim, (1, columns), strict=True):
        axis.dim_value = size
    onnx.save(model, str(out))
    plain.unlink()


def _store_as_half(file: Path, name: str) -> None:
    """Store a matrix of a file's graph in half of the bytes; engines cast it back to float as they load it.

    Cosines do not feel it, and it would be a tenth of a small classifier's file.
    """
    model = onnx.load(str(file))
    graph = model.graph
    stored = next(one for one in graph.initializer if one.name == name)
    half = onnx.numpy_helper.to_array(stored).astype(np.float16)
    stored.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
    graph.node.insert(0, onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    onnx.save(model, str(file))
