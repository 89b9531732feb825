"""Whether a model is still what its YAML describes: one that was pruned is not, and must not be rebuilt from it."""

import copy
from typing import Any

from devices.errors import EdgekitError
from train.outline_heads import OUTLINES, tells_outlines

PRUNED = "edgekit_pruned_from"  # key of a model's description, in the place of its layers


def mark_pruned(model: Any) -> None:
    """Take the layers out of a model's description, so that no trainer can rebuild it as it was without a word."""
    kept = {key: value for key, value in model.yaml.items() if key not in {"backbone", "head"}}
    kept[OUTLINES] = tells_outlines(model.yaml)
    model.yaml = {**kept, PRUNED: kept.get(PRUNED) or str(kept.get("yaml_file", "unknown"))}


def was_pruned_here(model: Any) -> bool:
    """Whether a model is one that `edgekit compress prune` has made."""
    return PRUNED in model.yaml


def check_described(model: Any) -> None:
    """Check that a training would build a model in the shape that it has.

    Names that only one of both has do not count: fused models lack batch norms, old checkpoints this and that.

    Raises:
        EdgekitError: A weight has another shape.
    """
    described: Any = type(model)(copy.deepcopy(model.yaml), nc=model.model[-1].nc, verbose=False)
    described.load(model, verbose=False)  # takes over a head's width, which may come from other classes
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    for name, value in described.state_dict().items():
        if shapes.get(name, value.shape) != value.shape:
            raise EdgekitError(
                f"the checkpoint's {name} is {tuple(shapes[name])} where its own description says "
                f"{tuple(value.shape)}: it was pruned or changed elsewhere, and a training would rebuild it; start "
                "from the unchanged one and prune it with `edgekit compress prune`"
            )


def kept(model: Any, classes: int) -> Any:
    """Return a pruned model as it is, ready to be trained on.

    Raises:
        EdgekitError: It was made for another number of classes.
    """
    if model.model[-1].nc != classes:
        raise EdgekitError(
            f"a pruned model keeps its {model.model[-1].nc} classes and cannot learn the {classes} of these sets: "
            "train the unpruned model on them, then prune that"
        )
    return model.requires_grad_(True)
