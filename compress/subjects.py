"""Opens what is to be pruned as what its run's record says that it is."""

from collections.abc import Sequence
from pathlib import Path

from compress.pruning_subject import Recovery, Subject
from devices.errors import EdgekitError
from train.run_folders import BEST
from train.runs import kind_of


def open_subject(path: Path, sets: Sequence[Path], recovery: Recovery) -> Subject:
    """Open a run's folder or a detector's checkpoint, and the sets that it recovers on.

    Raises:
        EdgekitError: It is nothing that can be pruned, or a set is of another kind.
    """
    run = path.parent.parent if path.parent.name == BEST.parent.name else path
    match kind_of(run):
        case "classifier":
            from compress.classifier_subject import ClassifierSubject  # noqa: PLC0415 - either brings libraries

            if run != path:
                raise EdgekitError(f"{path} is a classifier's: name the folder of its training, {run}")
            return ClassifierSubject.open(run, sets, recovery)
        case "detector":
            from compress.detector_subject import DetectorSubject  # noqa: PLC0415 - see above

            return DetectorSubject.open(path, sets, recovery)
        case "baseline":
            raise EdgekitError(f"{path} is a baseline's: those are compared with, not pruned; name another training")
