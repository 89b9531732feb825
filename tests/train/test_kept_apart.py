"""A training reads the parts `train` and `val`; of the part `test` it opens nothing, neither pictures nor labels."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from edge.evaluate.dataset import DetectionSet, open_set
from train.detector import TrainSettings, train_detector
from train.ultralytics_adapter import model_yaml

MakeSet = Callable[..., DetectionSet]


class OpenedFiles:
    """Real paths of the files that this process opens while it is asked to look."""

    def __init__(self) -> None:
        self.paths: set[Path] = set()
        self.looking = True
        sys.addaudithook(self._hear)  # stays for as long as the process lives, and then hears nothing

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.looking and event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            self.paths.add(Path(os.path.realpath(os.fsdecode(arguments[0]))))


def test_a_training_opens_no_file_of_a_sets_test_part(make_set: MakeSet, tmp_path: Path):
    folder = make_set("cartons", ("carton",), 0).folder
    for part in ("images", "labels"):
        shutil.copytree(folder / part / "val", folder / part / "test")
    settings = {"weights": model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml"), "input_px": 64, "epochs": 1, "batch": 4}
    opened = OpenedFiles()
    try:
        train_detector(
            TrainSettings.model_validate({**settings, "freeze": 0, "plain_epochs": 0}),
            [open_set(folder)],
            tmp_path / "run",
        )
    finally:
        opened.looking = False
    within = [path.relative_to(folder.resolve()).parts for path in opened.paths if folder.resolve() in path.parents]
    read = {f"{parts[0]}/{parts[1]}" for parts in within if len(parts) > 1}
    assert read == {"images/train", "labels/train", "images/val", "labels/val"}
