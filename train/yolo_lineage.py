"""What a checkpoint says of where it comes from, read so that nothing in it runs."""

from pathlib import Path

from train.yolo_models import load
from train.yolo_trainer import RECORD

_COCO_CLASSES = 80


def record_in(weights: Path) -> str | None:
    """Return the record of the run that a checkpoint was saved by, None where it holds none.

    Raises:
        EdgekitError: The checkpoint cannot be loaded safely.
    """
    text = (load(weights).ckpt or {}).get(RECORD)
    return text if isinstance(text, str) else None


def tells_coco(weights: Path) -> bool:
    """Whether a checkpoint tells the 80 classes of COCO.

    Raises:
        EdgekitError: The checkpoint cannot be loaded safely.
    """
    names = load(weights).names
    return len(names) == _COCO_CLASSES and (names[0], names[_COCO_CLASSES - 1]) == ("person", "toothbrush")
