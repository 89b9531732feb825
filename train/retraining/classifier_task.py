"""A classifier's retraining: one tagged set of old pictures and new, a network that begins as its champion did."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.errors import EdgekitError
from edge.evaluate.classifier_report import classify_pictures
from edge.evaluate.dataset import TEST
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet, open_tagged_set
from edge.model.assemble_classifier import assemble_classifier
from edge.model.bundle import ClassifierBundle
from edge.model.classifier import Classifier, load_classifier
from edge.model.manifest import Precision
from edge.model.model_files import BundleParts
from edge.model.taxonomy import Taxonomy
from train.classifier.export import export_classifier
from train.classifier.report import report_run
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings
from train.retraining.contest import ClassContest
from train.retraining.merging import grown, merge
from train.retraining.task import FrozenTest, Listeners, without_test


@dataclass(frozen=True, slots=True)
class ClassifierTask:
    """What a classifier is to learn anew.

    Attributes:
        champion: The bundle in use, verified.
        settings: Of the challenger's training.
        old: The set that the champion learnt from.
        added: New pictures, tagged.
        new_values: That may be new.
        replay: Share of the old train part that is learnt again.
    """

    champion: ClassifierBundle
    settings: ClassifierSettings
    old: TaggedSet
    added: tuple[TaggedSet, ...]
    new_values: tuple[str, ...]
    replay: float

    @property
    def tests(self) -> Sequence[FrozenTest]:
        """See `RetrainTask`."""
        return [
            FrozenTest(one.folder, one.description.digest, len(one.part(TEST)))
            for one in (self.old, *self.added)
            if one.part(TEST)
        ]

    def check(self) -> None:
        """See `RetrainTask`."""
        if self.old.description.taxonomy != self.champion.manifest.taxonomy:
            raise EdgekitError(
                f"{self.old.folder} tells others than {self.champion.directory}: name the set it learnt from"
            )
        if not self.old.part(TEST):
            raise EdgekitError(without_test(self.old.folder))
        self._taxonomy()

    def gather(self, pictures: Path) -> None:
        """See `RetrainTask`."""
        merge(self.old, self.added, self._taxonomy(), pictures, replay=self.replay)

    def train(self, pictures: Path, run: Path, listeners: Listeners, *, resume: bool) -> None:
        """See `RetrainTask`."""
        merged = open_tagged_set(pictures)
        on_epoch, on_step = listeners.on_epoch, listeners.on_step
        train_classifier(self.settings, merged, run, resume=resume, on_epoch=on_epoch, on_step=on_step)
        report_run(run, merged)

    def export(self, pictures: Path, run: Path, out: Path) -> None:
        """See `RetrainTask`."""
        export_classifier(run, open_tagged_set(pictures), out, embedding=self.champion.manifest.embedding > 0)

    def assemble(self, parts: BundleParts, out: Path, key: Ed25519PrivateKey) -> ClassifierBundle:
        """See `RetrainTask`."""
        return assemble_classifier(parts, out, key)

    def count(
        self, pictures: Path, challenger: ClassifierBundle, champion_precision: Precision
    ) -> Sequence[ClassContest]:
        """See `RetrainTask`."""
        merged = open_tagged_set(pictures)
        taxonomy, test = merged.description.taxonomy, merged.part(TEST)
        champion = told_right(load_classifier(self.champion, precision=champion_precision), taxonomy, test)
        told = told_right(load_classifier(challenger), taxonomy, test)
        return compare(self.champion.manifest.taxonomy, taxonomy, test, champion, told)

    def _taxonomy(self) -> Taxonomy:
        return grown(self.champion.manifest.taxonomy, self.added, self.new_values)


def told_right(classifier: Classifier, taxonomy: Taxonomy, pictures: Sequence[TaggedPicture]) -> list[dict[str, bool]]:
    """Return for each picture and attribute of one value whether a classifier is sure of the right value.

    Args:
        classifier: May know fewer values than the taxonomy.
        taxonomy: Of the pictures.
        pictures: To be told of.
    """
    single = [(index, one) for index, one in enumerate(taxonomy.learnt) if not one.multiple]

    return [
        {
            attribute.name: said.value(attribute.name) == attribute.values[picture.tags[index][0]]
            for index, attribute in single
        }
        for picture, said in zip(pictures, classify_pictures(classifier, pictures), strict=True)
    ]


def compare(
    old: Taxonomy,
    grown: Taxonomy,
    pictures: Sequence[TaggedPicture],
    champion: Sequence[dict[str, bool]],
    challenger: Sequence[dict[str, bool]],
) -> list[ClassContest]:
    """Return what each value won or lost.

    Args:
        old: What the champion knows.
        grown: What the challenger knows, and the pictures are tagged by.
        pictures: Of the test.
        champion: What it told right, see `told_right`.
        challenger: The same.
    """
    found: list[ClassContest] = []
    for index, attribute in enumerate(grown.learnt):
        known = old.attribute(attribute.name)
        if attribute.multiple or known is None:
            continue
        rows: dict[str, list[int]] = defaultdict(list)
        for row, picture in enumerate(pictures):
            rows[attribute.values[picture.tags[index][0]]].append(row)
        found += [
            ClassContest(
                within=attribute.name,
                value=value,
                examples=len(rows[value]),
                champion=sum(champion[row][attribute.name] for row in rows[value]) if value in known.values else None,
                challenger=sum(challenger[row][attribute.name] for row in rows[value]),
            )
            for value in attribute.values
        ]
    return found
