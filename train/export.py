"""Export a trained detector as the one graph that both engines of a box run: uint8 pictures in, predictions out."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from devices.errors import EdgekitError
from edge.model.export_record import DETECTOR, ExportRecord
from edge.model.manifest import Head, Input
from train.cuts import with_cuts_as_splits
from train.detector import read_config
from train.margin import check_margin, rename_value, with_margin

OPSET = 17  # JetPack 6's ONNX Runtime knows 20; nothing here needs more than 17
IR_VERSION = 10
INPUT = "image"
OUTPUTS = ("predictions", "prototypes")


def export_run(
    run: Path,
    out: Path,
    *,
    height: int | None = None,
    width: int | None = None,
    margin: int = 0,
    top_k: bool = False,
    recipe: str = "",
) -> ExportRecord:
    """Export the best checkpoint of a run, with a record of all that a bundle's manifest will say of it.

    Args:
        run: The folder of `train_detector`.
        out: The new folder: `detector.onnx` and `detector.json`.
        height: Rows of the input, a multiple of 32; those of the training if not given.
        width: Columns of the input, the same.
        margin: Pixels of grey that the graph puts around the picture on each side, a multiple of 16.
        top_k: Take the NMS-free head of a YOLO26 instead of its one-to-many head.
        recipe: The command that made the model; the training command if not given.

    Raises:
        EdgekitError: The run is not whole, `out` exists, a size or the margin is not possible, or the model has not
            the head asked for.
    """
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    config = read_config(run)
    trained_height, trained_width = config.settings.input_size
    height, width = height or trained_height, width or trained_width
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        partial = Path(folder) / out.name
        weights = run / "weights" / "best.pt"
        exported = export_onnx(
            weights, partial / DETECTOR.exported, height=height, width=width, margin=margin, top_k=top_k
        )
        record = ExportRecord(
            licence=config.first_weights.licence,
            classes=exported.classes,
            input=Input(height=height, width=width),
            head=exported.head,
            data=config.all_learnt_from,
            weights=config.first_weights,
            recipe=recipe or config.command,
        )
        (partial / DETECTOR.record).write_text(record.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        shutil.move(partial, out)
    return record


@dataclass(frozen=True, slots=True)
class Exported:
    """What an exported file finds: its class names in the order of their ids, and the head that tells them."""

    classes: tuple[str, ...]
    head: Head


def export_onnx(weights: Path, out: Path, *, height: int, width: int, margin: int = 0, top_k: bool = False) -> Exported:
    """Export a checkpoint to an ONNX file.

    The input is `image` (1, height, width, 3) uint8 BGR. The output `predictions` is float32: `yolo-grid`
    (1, 4 + classes, N), cxcywh in input pixels and scores; `yolo-topk` (1, K, 6), xyxy in input pixels, score and class
    id, without need of NMS. A model that segments has mask coefficients behind these, and a second output,
    `prototypes` (1, P, height / 4, width / 4): `yolo-grid-seg`, `yolo-topk-seg`.

    Args:
        weights: The checkpoint.
        out: The ONNX file to write.
        height: Rows of the input, a multiple of 32.
        width: Columns of the input, a multiple of 32.
        margin: Pixels of grey that the graph puts around the picture on each side, a multiple of 16.
        top_k: Take the NMS-free head of a YOLO26 instead of its one-to-many head.

    Raises:
        EdgekitError: The weights are missing, a size or the margin is not possible, or the model has not the head
            asked for.
    """
    from train import yolo_models as yolo  # noqa: PLC0415 - importing torch takes seconds; faults come first

    if not weights.exists():
        raise EdgekitError(f"there are no weights at {weights}")
    if height % 32 or width % 32 or min(height, width) <= 0:
        raise EdgekitError(f"an input of {height}x{width} is not possible: both must be multiples of 32")
    check_margin(margin)
    if top_k and not yolo.has_nms_free_head(weights):
        raise EdgekitError(f"{weights} has no NMS-free head: only YOLO26 has one")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        rows, columns = height + 2 * margin, width + 2 * margin
        written, classes = yolo.export_onnx(weights, Path(folder), height=rows, width=columns, opset=OPSET, top_k=top_k)
        bare = with_margin(with_cuts_as_splits(onnx.load(str(written))), margin, corners=top_k)
        model = with_picture_input(bare)
        segments = len(model.graph.output) > 1
        partial = Path(folder) / "partial.onnx"
        onnx.save(model, str(partial))
        partial.replace(out)
    if segments:
        return Exported(classes, "yolo-topk-seg" if top_k else "yolo-grid-seg")
    return Exported(classes, "yolo-topk" if top_k else "yolo-grid")


def with_picture_input(model: Any) -> Any:
    """Return a model of float NCHW RGB 0 to 1 as one of uint8 NHWC BGR, named, pinned and checked.

    The steps that were done in Python before (channel order, scaling, transposition) become nodes of the graph, where
    the engines fuse them with the first convolution.

    Raises:
        EdgekitError: The model has not one input of a fixed picture size, or more outputs than predictions and
            prototypes.
    """
    graph = model.graph
    if len(graph.input) != 1 or len(graph.output) > len(OUTPUTS):
        raise EdgekitError(
            f"the model has {len(graph.input)} inputs and {len(graph.output)} outputs, not one and one or two"
        )
    inner = graph.input[0].name
    shape = [axis.dim_value for axis in graph.input[0].type.tensor_type.shape.dim]
    match shape:
        case [1, 3, height, width] if min(height, width) > 0:
            pass
        case _:
            raise EdgekitError(f"the model's input is {shape}, not (1, 3, height, width) of fixed size")
    for output, name in zip(graph.output, OUTPUTS, strict=False):
        rename_value(graph, output.name, name)
        output.name = name
    graph.initializer.append(helper.make_tensor("edgekit.bgr_to_rgb", TensorProto.INT64, [3], [2, 1, 0]))
    graph.initializer.append(helper.make_tensor("edgekit.scale", TensorProto.FLOAT, [1], [1 / 255]))
    nodes = [
        helper.make_node("Cast", [INPUT], ["edgekit.float"], "edgekit/cast", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["edgekit.float"], ["edgekit.nchw"], "edgekit/nchw", perm=[0, 3, 1, 2]),
        helper.make_node("Gather", ["edgekit.nchw", "edgekit.bgr_to_rgb"], ["edgekit.rgb"], "edgekit/rgb", axis=1),
        helper.make_node("Mul", ["edgekit.rgb", "edgekit.scale"], [inner], "edgekit/scale"),
    ]
    for position, node in enumerate(nodes):
        graph.node.insert(position, node)
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [1, height, width, 3]))
    model.ir_version = IR_VERSION
    del model.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    return model
