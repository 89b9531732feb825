"""Which YOLO can be pruned, how it is taken apart for it, and which of its layers keep all their channels."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from train import ultralytics_offline  # noqa: F401 # pyright: ignore[reportUnusedImport] - it looks as it is imported

# isort: split
import torch
import torch_pruning
from torch import Tensor, nn
from ultralytics.nn.modules import C2PSA, Conv, Detect, Segment
from ultralytics.nn.modules.block import Attention, PSABlock
from ultralytics.nn.tasks import DetectionModel, SegmentationModel

from compress.chunk_split import split_chunks
from compress.model_size import ModelSize
from compress.prune import Prunable
from compress.refusal import RefusedError
from devices.errors import EdgekitError
from train.model_shape import check_described, was_pruned_here

_BRANCHES = ("cv2", "cv3", "cv4", "one2one_cv2", "one2one_cv3")  # of a head: boxes, scores, masks, of either assignment


@dataclass(frozen=True, slots=True)
class PrunableDetector(Prunable):
    """A detector of which the chunking blocks are split.

    Attributes:
        top_k: Whether costs are those of the NMS-free head.
    """

    top_k: bool

    @classmethod
    def of(cls, model: Any, path: Path, *, height: int, width: int, top_k: bool) -> "PrunableDetector":
        """Take a checkpoint's model apart; the model itself stays as it is.

        Raises:
            EdgekitError: It is no detector that can be pruned, or lacks the NMS-free head asked for.
        """
        check_prunable(model, path)
        if top_k and getattr(model.model[-1], "one2one_cv2", None) is None:
            raise EdgekitError(f"{path} has no NMS-free head: only YOLO26 has one")
        taken_apart = copy.deepcopy(model).float().eval()
        split_chunks(taken_apart)
        return cls(taken_apart, height, width, top_k)

    def layers_left_alone(self, model: Any) -> Mapping[str, nn.Module]:
        """Return the parts that keep all channels that they give, by name."""
        return left_alone(model)

    def followed(self, model: Any, pictures: Tensor) -> list[Tensor]:
        """Return raw predictions: what comes after is arithmetic on places, which no channel may be pruned through."""
        return _tensors(model(pictures)[1])

    def told(self, model: Any, pictures: Tensor) -> list[Tensor]:
        """Return what a decoder reads, and the raw predictions of each head by which it came about."""
        decoded, raw = model(pictures)
        heads = [raw[name] for name in ("one2many", "one2one") if name in raw] or [raw]
        read = [head[key] for head in heads for key in ("boxes", "scores", "mask_coefficient", "proto") if key in head]
        return [*_tensors(decoded), *read]

    def size(self, model: Any) -> ModelSize:
        """Return what this detector, or one pruned from it, weighs and computes."""
        return size_of(model, self.height, self.width, top_k=self.top_k)


def size_of(model: Any, height: int, width: int, *, top_k: bool) -> ModelSize:
    """Return what a detector weighs and computes for one picture as it is deployed, counted by torch-pruning."""
    picture = torch.zeros(1, 3, height, width)
    counted: Any = torch_pruning.utils.count_ops_and_params(deployed(model, top_k=top_k), picture)
    return ModelSize(macs=int(counted[0]), parameters=int(counted[1]))


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


def _tensors(output: Any) -> list[Tensor]:
    """Return all tensors of a nested output, in order."""
    if isinstance(output, Tensor):
        return [output]
    parts = cast("Mapping[str, Any]", output).values() if isinstance(output, dict) else output
    return [tensor for part in parts for tensor in _tensors(part)]
