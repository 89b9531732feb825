"""The runs whose networks are exported as one classifier, and what its record has to tell of where they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedSet
from edge.model.manifest import DataEntry, Sha256, WeightsEntry
from train.beginning import Past
from train.checkpoints import checkpoint_sha256
from train.classifier.ensemble import Ensemble
from train.classifier.settings import ClassifierConfig, read_classifier_config
from train.classifier.start import past_of
from train.classifier.teacher import load_network
from train.run_folders import BEST


@dataclass(frozen=True, slots=True)
class Member:
    """A run, what decided it, and the digest of its best checkpoint."""

    run: Path
    config: ClassifierConfig
    digest: Sha256

    @property
    def name(self) -> str:
        """The run's, for the recipe."""
        return self.run.resolve().name

    @property
    def origin(self) -> Past:
        """What made it."""
        return past_of(self.config)


@dataclass(frozen=True, slots=True)
class Members:
    """One or more runs that learnt the same of the same pictures.

    Attributes:
        all: In the order in which they were named.
        mirrored: Whether each looks at a picture's mirror image too.
    """

    all: tuple[Member, ...]
    mirrored: bool

    @classmethod
    def open(cls, runs: Sequence[Path], tagged_set: TaggedSet, *, mirrored: bool) -> "Members":
        """Open runs.

        Args:
            runs: Their folders.
            tagged_set: What all of them learnt from.
            mirrored: Whether each looks at a picture's mirror image too.

        Raises:
            EdgekitError: A run is not whole, is named twice, learnt from another set, with other pictures kept out, or
                was never shown mirror images though it is to look at them.
        """
        members = tuple(Member(run, read_classifier_config(run), checkpoint_sha256(run / BEST)) for run in runs)
        for number, member in enumerate(members):
            if tagged_set.description != member.config.tagged_set:
                raise EdgekitError(
                    f"{member.run} learnt from another set than {tagged_set.folder}: name the one it was trained on"
                )
            if mirrored and not member.config.settings.augment.flip:
                raise EdgekitError(
                    f"{member.run} was trained with --no-flip and knows no mirror images: leave out --mirror"
                )
            _require_company(member, members[:number])
        return cls(members, mirrored)

    @property
    def first(self) -> Member:
        """The run that was named first."""
        return self.all[0]

    def ensemble(self) -> Ensemble:
        """Return their networks, ready for use.

        Raises:
            EdgekitError: A checkpoint is not of the network that its run describes.
        """
        networks = [load_network(member.run) for member in self.all]
        return Ensemble(
            networks, [member.config.settings.input_px for member in self.all], mirrored=self.mirrored
        ).eval()

    @property
    def data(self) -> tuple[DataEntry, ...]:
        """All that they learnt from, in their runs and before."""
        return tuple(dict.fromkeys(entry for member in self.all for entry in member.origin.learnt_from))

    @property
    def weights(self) -> WeightsEntry:
        """What they began from; of several, all names, sources and licences."""
        entries = tuple(dict.fromkeys(member.origin.weights for member in self.all))
        return WeightsEntry(
            name=", ".join(dict.fromkeys(entry.name for entry in entries)),
            licence=" AND ".join(dict.fromkeys(entry.licence for entry in entries)),
            source="; ".join(dict.fromkeys(entry.source for entry in entries)),
        )

    @property
    def recipe(self) -> str:
        """The commands that repeat it."""
        if len(self.all) == 1 and not self.mirrored:
            return self.first.origin.command
        first, *others = (member.name for member in self.all)
        words = ["edgekit train export", first, "OUT", f"--set {self.first.config.tagged_set.name}"]
        words += [f"--with {name}" for name in others] + ["--mirror"] * self.mirrored
        return "; ".join([*(f"{member.name}: {member.origin.command}" for member in self.all), " ".join(words)])


def _require_company(member: Member, others: Sequence[Member]) -> None:
    """Refuse a run that cannot be calibrated with those named before it, or adds nothing to them.

    Raises:
        EdgekitError: Other pictures were kept out of it, or it is one of them.
    """
    for other in others:
        own, theirs = _kept_out(member.config), _kept_out(other.config)
        if own != theirs:
            raise EdgekitError(
                f"{member.run} kept out {own}, {other.run} {theirs}: scores are calibrated on pictures that none of "
                "them learnt from, so train them with the same --folds and --fold"
            )
        if member.digest == other.digest:
            raise EdgekitError(f"{member.run} and {other.run} are the same network: name each once")


def _kept_out(config: ClassifierConfig) -> str:
    settings = config.settings
    return "the val part" if settings.folds is None else f"fold {settings.fold} of {settings.folds}"
