"""What a retraining does in one way for a classifier and in another for a detector: all else is the same for both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.model.bundle import AnyManifest, Bundle
from edge.model.manifest import Precision
from edge.model.model_files import BundleParts
from train.epochs import TrainingEpoch
from train.retraining.contest import ClassContest


@dataclass(frozen=True, slots=True)
class FrozenTest:
    """The test part of a set, of which each opening is written down.

    Attributes:
        folder: The set's.
        digest: What the set says of its bytes.
        pictures: How many the part has.
    """

    folder: Path
    digest: str
    pictures: int


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who hears how a training goes: of each epoch, and of each step with how many are done and there are."""

    on_epoch: Callable[[TrainingEpoch], None] = lambda _: None
    on_step: Callable[[int, int], None] = lambda _done, _total: None


def without_test(folder: Path) -> str:
    """Return what is told of an old set that has no test part."""
    return f"{folder} has no test part: without one nobody can say what a retraining costs"


class RetrainTask(Protocol[AnyManifest]):
    """One kind of model, with the champion, the old set or sets and the new ones."""

    @property
    def champion(self) -> Bundle[AnyManifest]:
        """The bundle in use, verified."""
        ...

    @property
    def tests(self) -> Sequence[FrozenTest]:
        """Test parts that the two are held against each other on."""
        ...

    def check(self) -> None:
        """Look, before anything is written, whether the sets fit the champion.

        Raises:
            EdgekitError: They do not, or there is no test.
        """
        ...

    def gather(self, pictures: Path) -> None:
        """Write what the challenger learns, and both are tested on, into a new folder; always the same bytes."""
        ...

    def train(self, pictures: Path, run: Path, listeners: Listeners, *, resume: bool) -> None:
        """Train the challenger into a folder, with its report."""
        ...

    def export(self, pictures: Path, run: Path, out: Path) -> None:
        """Export it as the champion was exported."""
        ...

    def assemble(self, parts: BundleParts, out: Path, key: Ed25519PrivateKey) -> Bundle[AnyManifest]:
        """Build its bundle."""
        ...

    def count(
        self, pictures: Path, challenger: Bundle[AnyManifest], champion_precision: Precision
    ) -> Sequence[ClassContest]:
        """Return, class by class, what both tell right of the tests as a box would."""
        ...
