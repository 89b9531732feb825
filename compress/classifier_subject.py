"""A classifier that is pruned: a run's folder, recovered by `train classifier` with the unpruned one as its teacher."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from compress.model_size import ModelSize
from compress.prunable_classifier import PrunableClassifier, network_size
from compress.prune import Prunable
from compress.pruning_record import PRUNING_RECORD, PruneRequest, option_of
from compress.pruning_subject import PRUNED, START, TEACHER, UNPRUNED, Recovery, Wanted
from devices.errors import EdgekitError
from devices.validation import checked
from edge.evaluate.tagged_set import TAGS_RECORD, TaggedSet, open_tagged_set
from train.checkpoints import checkpoint_sha256, save_state
from train.classifier.channels import layer_channels
from train.classifier.export import write_graph
from train.classifier.network import TagNetwork
from train.classifier.report import report_run
from train.classifier.run import BEGUN, Commission, train_classifier
from train.classifier.settings import ClassifierConfig, ClassifierSettings, ScheduleSettings, read_classifier_config
from train.classifier.teacher import Teacher, load_network
from train.run_folders import BEST, CONFIG, LAST, copy_best

# What may lie in the folder of a run that was broken off before its first epoch ended.
_OWN = BEGUN | {START, PRUNING_RECORD}


@dataclass(frozen=True, slots=True)
class ClassifierSubject:
    """A classifier, the set that it recovers on, and its teachers.

    Attributes:
        run: The folder of its training.
        config: What decided that.
        tagged_set: To train on; it has the attributes and values that the run learnt.
        recovery: What is said of the training.
    """

    suffix: ClassVar[str] = ""

    run: Path
    config: ClassifierConfig
    tagged_set: TaggedSet
    recovery: Recovery

    @classmethod
    def open(cls, run: Path, folders: Sequence[Path], recovery: Recovery) -> "ClassifierSubject":
        """Open a run and the set that it recovers on.

        Raises:
            EdgekitError: One of them cannot be opened, or there is another number of sets.
        """
        config = read_classifier_config(run)
        if len(folders) != 1:
            raise EdgekitError(f"the classifier {run} recovers on one tagged set: name one by --set")
        if not (folders[0] / TAGS_RECORD).exists():
            raise EdgekitError(f"{folders[0]} is no tagged set: name one like {config.tagged_set.name}, of {run}")
        if recovery.most_pictures is not None:
            raise EdgekitError(f"--most-pictures is for detectors: {run} is a classifier, which learns from whole sets")
        return cls(run, config, open_tagged_set(folders[0]), recovery)

    def request(self, wanted: Wanted) -> PruneRequest:
        """Return what is asked for in full: for the square input of the training, with its teacher's share."""
        side = self.recovery.input_px or self.config.settings.input_px
        if wanted.top_k or {wanted.height, wanted.width} - {None, side}:
            raise EdgekitError(
                f"--height, --width and --top-k are for detectors: {self.run} is a classifier of {side}x{side} pixels"
            )
        share = self.config.settings.teaching.weight if wanted.distillation is None else wanted.distillation
        request = checked(
            PruneRequest, target=wanted.target, height=side, width=side, engine=wanted.engine, distillation=share
        )
        self._settings(Path(), request)  # whatever is not allowed is told before anything begins
        return request

    def prunable(self, request: PruneRequest) -> Prunable:
        """Return the run's best network; the set's attributes and the teachers' have to be its own."""
        taxonomy = self.tagged_set.description.taxonomy
        if self.config.tagged_set.taxonomy != taxonomy:
            raise EdgekitError(
                f"{self.tagged_set.folder} has other attributes or values than {self.run} learnt: train a classifier "
                "on the set, then prune that run"
            )
        Teacher((self.run, *self.recovery.teachers), taxonomy, bf16=False)  # says what is wrong with one
        return PrunableClassifier.of(load_network(self.run), self.config.settings.network.backbone, request.height)

    def unpruned_sha256(self) -> str:
        """Return the digest of the run's best checkpoint."""
        return checkpoint_sha256(self.run / BEST)

    def teachers_sha256(self) -> tuple[str, ...]:
        """Return the digests of the teachers' best checkpoints."""
        return tuple(checkpoint_sha256(teacher / BEST) for teacher in self.recovery.teachers or (self.run,))

    def keep(self, start: Path) -> None:
        """Copy the run's best network and its teachers'."""
        copy_best(self.run, start / UNPRUNED)
        for number, teacher in enumerate(self.recovery.teachers, start=1):
            copy_best(teacher, start / f"{TEACHER}-{number}")

    def save(self, model: TagNetwork, path: Path) -> None:
        """Write what looks like a run: the source's own, with the channels that are left."""
        path.mkdir()
        config = self.config.model_copy(update={"channels": layer_channels(model.backbone)})
        (path / CONFIG).write_text(config.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
        (path / BEST).parent.mkdir()
        save_state({"epoch": 0, "network": model.state_dict()}, path / BEST)

    def kept(self, out: Path) -> Path:
        """Return the run itself."""
        return out

    def size(self, path: Path, request: PruneRequest) -> ModelSize:
        """Return what a run's best network weighs and computes."""
        return network_size(load_network(path), request.height)

    def export(self, path: Path, file: Path, request: PruneRequest) -> None:
        """Export a run's best network; what an export calibrates behind it is the same whatever was pruned."""
        write_graph(load_network(path), request.height, file)

    def recover(self, out: Path, request: PruneRequest) -> None:
        """Train, where there are epochs left, and write the report."""
        settings = self._settings(out, request)
        train_classifier(
            settings,
            self.tagged_set,
            out,
            resume=(out / LAST).exists(),
            skip_bad=self.recovery.skip_bad,
            on_epoch=self.recovery.on_epoch,
            commission=Commission(self._command(request, settings), _OWN),
        )
        report_run(out, self.tagged_set)

    def _settings(self, out: Path, request: PruneRequest) -> ClassifierSettings:
        """Return the settings of the training in a folder: the source run's own, but for what is said.

        Nothing stays frozen: a backbone that lost channels has to learn.
        """
        said, own = self.recovery, self.config.settings
        start = out / START
        taught_by = [f"{TEACHER}-{number}" for number, _ in enumerate(said.teachers, start=1)] or [UNPRUNED]
        values: dict[str, Any] = own.model_dump()
        values["network"] |= {"weights": start / PRUNED, "freeze_stages": 0}
        values["schedule"] |= {
            "epochs": said.epochs,
            "learning_rate": said.learning_rate or own.schedule.learning_rate,
            "backbone_rate": own.schedule.backbone_rate or ScheduleSettings().backbone_rate,
            "batch": said.batch or own.schedule.batch,
        }
        values["teaching"] |= {
            "teachers": tuple(start / name for name in taught_by) if request.distillation else (),
            "weight": request.distillation,
            "unlabelled": own.teaching.unlabelled if request.distillation else None,
        }
        if said.input_px is not None:
            values |= {"input_px": said.input_px, "train_px": None, "first_px": None}
        return checked(ClassifierSettings, **{**values, "seed": said.seed})

    def _command(self, request: PruneRequest, settings: ClassifierSettings) -> str:
        schedule = settings.schedule
        words = [f"edgekit compress prune RUN OUT --set {self.tagged_set.description.name} {option_of(request.target)}"]
        words += [f"--teacher {teacher.name}" for teacher in self.recovery.teachers]
        words += [f"--engine {request.engine} --distillation {request.distillation:g}"]
        words += [f"--input-px {settings.input_px}"] if self.recovery.input_px is not None else []
        words += [f"--epochs {schedule.epochs} --batch {schedule.batch} --learning-rate {schedule.learning_rate:g}"]
        return " ".join([*words, f"--seed {settings.seed}"])
