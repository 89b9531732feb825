"""Whether one detector can teach another: both have to say the same things at the same places."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devices.errors import EdgekitError


def check_teacher(teacher: Any, path: Path, student: Any, classes: Sequence[str]) -> None:
    """Check that a teacher knows the classes that a student is to learn, and has its kind of head.

    Widths and depths may differ. The student's own classes do not count: a training gives it those of its sets.

    Args:
        teacher: Its model.
        path: Its checkpoint, for messages.
        student: The model that learns.
        classes: Of the sets.

    Raises:
        EdgekitError: It has other classes or another head.
    """
    heads = [getattr(model, "model", [None])[-1] for model in (teacher, student)]
    gives = [
        (
            type(head),
            getattr(head, "reg_max", None),
            getattr(head, "one2one_cv2", None) is not None,
            [float(stride) for stride in getattr(head, "stride", ())],
        )
        for head in heads
    ]
    named = tuple(teacher.names[index] for index in sorted(teacher.names))
    if gives[0] != gives[1] or named != tuple(classes):
        raise EdgekitError(
            f"{path} cannot teach this model: a teacher has the same classes and the same kind of head; take one of "
            "the same family, trained on the same sets"
        )
