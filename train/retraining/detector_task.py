"""A detector's retraining: old sets and new ones side by side, a model that goes on from its champion's checkpoint."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.errors import EdgekitError
from edge.evaluate.at_threshold import confusion
from edge.evaluate.dataset import TEST, DetectionSet, open_set
from edge.evaluate.measure import SetResult, run_over_set
from edge.model.assemble import assemble
from edge.model.bundle import Bundle
from edge.model.detector import load_detector
from edge.model.manifest import Precision
from edge.model.model_files import BundleParts
from train.detector import RunConfig, train_detector
from train.export import export_run
from train.margin import margin_in
from train.retraining.contest import ClassContest
from train.retraining.grown_sets import grown_classes, write_grown
from train.retraining.task import FrozenTest, Listeners, without_test
from train.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class DetectorTask:
    """What a detector is to learn anew.

    Attributes:
        champion: The bundle in use, verified.
        run: What decided the champion's training.
        settings: Of the challenger's, which begins with the champion's checkpoint.
        old: The sets that the champion learnt from.
        added: New pictures, labelled.
        new_classes: That may be new.
        replay: Share of the old train parts that is learnt again.
    """

    champion: Bundle
    run: RunConfig
    settings: TrainSettings
    old: tuple[DetectionSet, ...]
    added: tuple[DetectionSet, ...]
    new_classes: tuple[str, ...]
    replay: float

    @property
    def tests(self) -> Sequence[FrozenTest]:
        """See `RetrainTask`."""
        return [
            FrozenTest(one.folder, one.description.digest, len(one.pictures(TEST)))
            for one in (*self.old, *self.added)
            if one.pictures(TEST)
        ]

    def check(self) -> None:
        """See `RetrainTask`."""
        where, classes = self.champion.directory, self.champion.manifest.classes
        if self.run.sets[0].classes != classes:
            raise EdgekitError(
                f"the run learnt {', '.join(self.run.sets[0].classes)}, {where} finds others: name its run"
            )
        for opened in self.old:
            if opened.description.classes != classes:
                raise EdgekitError(f"{opened.folder} has other classes than {where}: name the sets that it learnt from")
            if not opened.pictures(TEST):
                raise EdgekitError(without_test(opened.folder))
        labelled = {name for opened in self.old for name in opened.description.labelled}
        for learnt in self.run.sets:
            if missing := sorted(set(learnt.labelled) - labelled):
                raise EdgekitError(
                    f"{where} learnt {', '.join(missing)} from {learnt.name}, and no old set labels that: give it with "
                    "--set too, or it would be forgotten and nobody could say so"
                )
        names = Counter(opened.description.name for opened in (*self.old, *self.added))
        if twice := sorted(name for name, count in names.items() if count > 1):
            raise EdgekitError(f"several sets are called {', '.join(twice)}: give each a name of its own")
        self._classes()

    def gather(self, pictures: Path) -> None:
        """See `RetrainTask`."""
        classes = self._classes()
        for opened in (*self.old, *self.added):
            replay = self.replay if opened in self.old else 1.0
            write_grown(opened, classes, pictures / opened.description.name, replay=replay)

    def train(self, pictures: Path, run: Path, listeners: Listeners, *, resume: bool) -> None:
        """See `RetrainTask`."""
        on_epoch, on_step = listeners.on_epoch, listeners.on_step
        train_detector(self.settings, self._gathered(pictures), run, resume=resume, on_epoch=on_epoch, on_step=on_step)

    def export(self, pictures: Path, run: Path, out: Path) -> None:  # noqa: ARG002 - a detector's needs no pictures
        """See `RetrainTask`."""
        manifest = self.champion.manifest
        size = manifest.input
        margin, top_k = self._margin(), manifest.head.startswith("yolo-topk")
        export_run(run, out, height=size.height, width=size.width, margin=margin, top_k=top_k)

    def assemble(self, parts: BundleParts, out: Path, key: Ed25519PrivateKey) -> Bundle:
        """See `RetrainTask`."""
        return assemble(parts, self.champion.manifest.thresholds, out, key)

    def count(self, pictures: Path, challenger: Bundle, champion_precision: Precision) -> Sequence[ClassContest]:
        """See `RetrainTask`."""
        threshold, known = self.champion.manifest.thresholds.score, self.champion.manifest.classes
        champion, new = load_detector(self.champion, precision=champion_precision), load_detector(challenger)
        counted: list[ClassContest] = []
        for opened in self._gathered(pictures):
            if opened.pictures(TEST):
                before, after = (run_over_set(detector, opened, TEST) for detector in (champion, new))
                counted += counts_of(before, after, opened.description.classes, len(known), threshold)
        return counted

    def _classes(self) -> tuple[str, ...]:
        return grown_classes(self.champion.manifest.classes, self.added, self.new_classes)

    def _gathered(self, pictures: Path) -> list[DetectionSet]:
        return [open_set(pictures / opened.description.name) for opened in (*self.old, *self.added)]

    def _margin(self) -> int:
        """Return the margin in the champion's graph.

        Raises:
            EdgekitError: It has no ONNX file to read it from.
        """
        files = [model for model in self.champion.manifest.models if model.path.endswith(".onnx")]
        if not files:
            raise EdgekitError(
                f"{self.champion.directory} has no ONNX file, which would tell how it was exported: build it with one"
            )
        return margin_in(onnx.load_from_string(self.champion.read(files[-1].path)))


def counts_of(
    before: SetResult, after: SetResult, classes: Sequence[str], known: int, threshold: float
) -> list[ClassContest]:
    """Return what each class that a set labels won or lost, at the score from which on a box believes.

    Args:
        before: What the champion found on it.
        after: The challenger's.
        classes: Of the set.
        known: How many of them, the first ones, the champion knows.
        threshold: The score.
    """
    champion, challenger = (confusion([result], len(classes), threshold) for result in (before, after))
    return [
        ClassContest(
            within=before.name,
            value=classes[one],
            examples=int(champion[one].sum()),
            champion=int(champion[one, one]) if one < known else None,
            challenger=int(challenger[one, one]),
            champion_false=int(champion[:, one].sum() - champion[one, one]) if one < known else None,
            challenger_false=int(challenger[:, one].sum() - challenger[one, one]),
        )
        for one in before.class_ids
    ]
