"""Which YOLO can be pruned, and which of its layers keep all their channels."""

import copy
from pathlib import Path
from typing import Any

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
from torch import nn
from ultralytics.nn.modules import C2PSA, Conv, Detect, Segment
from ultralytics.nn.modules.block import Attention, PSABlock
from ultralytics.nn.tasks import DetectionModel, SegmentationModel

from compress.refusal import RefusedError
from train.model_shape import check_described, was_pruned_here

_BRANCHES = ("cv2", "cv3", "cv4", "one2one_cv2", "one2one_cv3")  # of a head: boxes, scores, masks, of either assignment


def check_prunable(model: Any, path: Path) -> None:
    """Check that a model is a detector, of boxes or of outlines too, whose every part is known.

    Raises:
        RefusedError: It is no detector of ultralytics, its head is another one's, its batch norms are folded away, or
            it was pruned by something else.
    """
    kinds: tuple[Any, Any] = type(model), type(getattr(model, "model", [model])[-1])
    if kinds not in {(DetectionModel, Detect), (SegmentationModel, Segment)}:
        raise RefusedError(
            f"{path} has the head {kinds[1].__name__}, which pruning does not know: it prunes detectors (Detect) of "
            "YOLOv8, YOLO11 and YOLO26, and those that tell outlines (Segment) of YOLOv8 and YOLO11"
        )
    if any(isinstance(part, Conv) and not hasattr(part, "bn") for part in model.modules()):
        raise RefusedError(f"{path} has its batch norms folded into the convolutions: take the checkpoint before that")
    if any("_orig" in name or "parametrizations" in name for name in model.state_dict()):
        raise RefusedError(f"{path} carries the masks of another pruning: start from the checkpoint before that")
    if not was_pruned_here(model):
        check_described(model)


def left_alone(model: Any) -> dict[str, nn.Module]:
    """Return the parts that keep all channels that they give, by name.

    The head's last convolutions, its prototypes and DFL give what a decoder reads; attention reshapes its channels into
    heads, and C2PSA cuts them in two around it.
    """
    head = model.model[-1]
    last = [branch[-1] for name in _BRANCHES for branch in getattr(head, name, None) or ()]
    prototypes = [head.proto.cv3] if isinstance(head, Segment) else []
    kept = {id(part) for part in (*last, *prototypes, head.dfl)}
    names: dict[str, nn.Module] = {}
    for name, part in model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in names)
        if not inside and (id(part) in kept or isinstance(part, C2PSA | PSABlock | Attention)):
            names[name] = part
    return names


def deployed(model: Any, *, top_k: bool) -> Any:
    """Return a copy as an export computes it: batch norms folded, and one head.

    Args:
        model: The detector.
        top_k: Keep the NMS-free head where there are two, else the one-to-many head.
    """
    alone = copy.deepcopy(model).eval()
    alone.model[-1].end2end = top_k
    return alone.fuse(verbose=False)
