"""Export a trained classifier as the one graph that both engines of a box run: uint8 pictures in, scores out."""

import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from edge.model.export_record import CLASSIFIER, ClassifierExportRecord
from edge.model.manifest import DataEntry, Input
from edge.model.several import SeveralMethod
from train.classifier.backbones import create_backbone
from train.classifier.calibration import temperature_of, thresholds_of
from train.classifier.familiarity import examples_of_values, fit_familiarity
from train.classifier.head_record import read_heads, require_heads
from train.classifier.network import ScoredNetwork
from train.classifier.pictures import read_pictures
from train.classifier.recipe import recipe_of
from train.classifier.run import divide
from train.classifier.scores import features_of
from train.classifier.settings import ClassifierConfig, read_classifier_config
from train.classifier.several import load_heads
from train.classifier.teacher import load_network
from train.export import OPSET, with_picture_input


def export_classifier(
    run: Path, tagged_set: TaggedSet, out: Path, *, embedding: bool = False, head: SeveralMethod | None = None
) -> ClassifierExportRecord:
    """Export the best network of a run, its scores calibrated on the pictures that the run was scored on.

    The input is `image` (1, side, side, 3) uint8 BGR. The output `predictions` (1, columns) float32 holds a score for
    each value of each learnt attribute, near 0 all of them where a picture is like nothing that was learnt, and behind
    them, where asked for, features of unit length.

    Args:
        run: The folder of `train_classifier`.
        tagged_set: The set that it learnt from.
        out: The new folder: `classifier.onnx` and `classifier.json`.
        embedding: Whether features follow the scores, for a gallery of products.
        head: How several values are told, of a folder that `fit_heads` wrote; None for the best there, or where there
            is none for the network's own.

    Raises:
        EdgekitError: The run is not whole, the set is another one, or `out` exists.
    """
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    config = read_classifier_config(run)
    if tagged_set.description != config.tagged_set:
        raise EdgekitError(
            f"{run} learnt from another set than {tagged_set.folder}: name the one that it was trained on"
        )
    settings, taxonomy = config.settings, config.tagged_set.taxonomy
    network = load_network(run)
    division = divide(tagged_set, settings)
    held, _ = read_pictures(division.held, taxonomy, settings.input_px, skip_bad=True)
    features = features_of(network, held.images)
    examples, _ = read_pictures(examples_of_values(division.learn), taxonomy, settings.input_px, skip_bad=True)
    familiarity = fit_familiarity(features_of(network, examples.images), examples.targets, features)
    temperature = temperature_of(network.head(features).detach(), held, taxonomy)
    fitted = require_heads(run) if head is not None else read_heads(run)
    chosen = dict(fitted.chosen(head)) if fitted is not None else {}
    heads = load_heads(run, network, taxonomy, chosen) if chosen else {}
    scored = ScoredNetwork(network, taxonomy, temperature, embedding=embedding, familiarity=familiarity, heads=heads)
    with torch.inference_mode():
        thresholds = thresholds_of(scored.scores(features), held, taxonomy)
    weights = config.past.weights if config.past is not None else create_backbone(settings.network).weights
    record = ClassifierExportRecord(
        licence=weights.licence,
        taxonomy=taxonomy,
        input=Input(height=settings.input_px, width=settings.input_px),
        embedding=network.head.in_features if embedding else 0,
        thresholds=dict(thresholds),
        heads=chosen,
        temperature=temperature,
        familiar_from=familiarity.bound,
        calibrated_on=len(held),
        data=data_of(config),
        weights=weights,
        recipe=recipe_of(config) if config.past is None else f"{config.past.command} && {recipe_of(config)}",
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        partial = Path(folder) / out.name
        partial.mkdir()
        write_graph(scored, settings.input_px, partial / CLASSIFIER.exported)
        _store_as_half(partial / CLASSIFIER.exported, "familiarity.prototypes")
        (partial / CLASSIFIER.record).write_text(
            record.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8"
        )
        shutil.move(partial, out)
    return record


def data_of(config: ClassifierConfig) -> tuple[DataEntry, ...]:
    """Return all that a network learnt from, in this run and before."""
    before = config.past.learnt_from if config.past is not None else ()
    return tuple(dict.fromkeys((*before, config.learnt_from)))


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
