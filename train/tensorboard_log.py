"""The figures of a training as TensorBoard reads them, `RUN/tensorboard`, kept in step with the run's own record.

Written by hand rather than through a summary writer: that one writes from a thread of its own, where a full disk is
told to nobody, and a resumed run leaves the epochs that it repeats in the folder twice.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from devices.errors import EdgekitError
from train.checkpoints import cannot_write
from train.epoch_figures import EpochFigures

FOLDER = "tensorboard"

_events: Any = event_pb2  # what protobuf generates is made at import, out of a type checker's sight
_summaries: Any = summary_pb2


class TensorBoardLog:
    """An event file of one start of a run.

    It begins with the epochs of earlier starts and takes the place of their files, so that no step stands there
    twice, and none that was broken off before its checkpoint was saved. Wall times are those of writing.

    Args:
        folder: Of the events, made where it is missing; event files that it holds already are emptied.
        before: Epochs that are behind the run already, in order.

    Raises:
        EdgekitError: The folder cannot be written.
    """

    def __init__(self, folder: Path, before: Sequence[EpochFigures] = ()) -> None:
        # TensorBoard takes any file with `tfevents` in its name, and of several the last by name for the newest.
        self._path = folder / f"events.out.tfevents.{time.time_ns()}.edgekit"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            earlier = list(folder.glob("*tfevents*"))
            self._append([_event(file_version=b"brain.Event:2"), _start(), *map(_scalars, before)])
            for path in earlier:
                # A TensorBoard that is looking on reads this one to its end, and stops for good where it is gone.
                path.write_bytes(b"") if path.stat().st_size else path.unlink()
        except OSError as exc:
            raise EdgekitError(cannot_write(folder, exc)) from exc

    def add(self, figures: EpochFigures) -> None:
        """Append an epoch.

        Raises:
            EdgekitError: It cannot be written.
        """
        try:
            self._append([_scalars(figures)])
        except OSError as exc:
            raise EdgekitError(cannot_write(self._path, exc)) from exc

    def _append(self, events: Sequence[Any]) -> None:
        # Opened anew each time: an epoch takes long, and a file that is closed is a file that was written.
        with self._path.open("ab") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())
            file.flush()
            os.fsync(file.fileno())


def _event(**content: object) -> Any:
    return _events.Event(wall_time=time.time(), **content)


def _start() -> Any:
    """Return what tells a TensorBoard that is looking on to forget the steps of the file that was replaced."""
    return _event(step=0, session_log=_events.SessionLog(status=_events.SessionLog.START))


def _scalars(figures: EpochFigures) -> Any:
    values = [
        _summaries.Summary.Value(tag=f"{group}/{name}", simple_value=value)
        for group, named in figures.groups.items()
        for name, value in named.items()
    ]
    return _event(step=figures.epoch, summary=_summaries.Summary(value=values))
