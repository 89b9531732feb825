"""Train a detector on one or more sets that may label different classes, into a folder that tells how it was made."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from devices.errors import EdgekitError
from devices.validation import read_json
from edge.evaluate.dataset import DetectionSet, SetDescription
from edge.model.manifest import DataEntry, WeightsEntry
from train.assembly import Shapes, Taken, assemble, learnt_from
from train.beginning import Beginning, Past
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.learning import Learning
from train.processes import learn_in_processes
from train.run_folders import CONFIG, LAST, as_word, check_folder, check_same_sets, check_same_settings
from train.settings import TrainSettings, trainer_options

_CHECKPOINTS = ("best.pt", "last.pt")
_DESCRIBED = re.compile(r"(yolov8|yolo11|yolo26)[nsmlx]\.yaml")  # models that ultralytics brings the description of
LICENCE = "AGPL-3.0-only"  # of ultralytics, which trains every checkpoint, and of the checkpoints it starts from


def is_described(weights: str) -> bool:
    """Say whether weights are the name of a model that begins with random ones, as `yolo11s.yaml`."""
    return _DESCRIBED.fullmatch(weights) is not None


def given_weights(weights: Path, *, known: bool) -> WeightsEntry:
    """Return what is told of a checkpoint that a training starts from and that tells nothing of itself.

    Args:
        weights: The checkpoint.
        known: Whether it is Ultralytics' own.
    """
    if known:
        return WeightsEntry(name=weights.name, licence=LICENCE, source="a checkpoint of Ultralytics' YOLO")
    return WeightsEntry(
        name=weights.name,
        licence=f"{LICENCE} AND LicenseRef-unknown",
        source="a checkpoint that does not say what it learnt from",
    )


class RunConfig(BaseModel):
    """`config.json`: all that decided a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: TrainSettings
    sets: tuple[SetDescription, ...]
    skipped: tuple[str, ...]
    learnt_from: tuple[DataEntry, ...] = Field(description="the training pictures that were used, and their labels")
    past: Past | None = Field(default=None, description="what was before, where a run goes on with another's model")
    taught_from: tuple[DataEntry, ...] = Field(
        default=(), description="the pictures that the teacher learnt from, as far as it says"
    )
    weights_known: bool = Field(default=True, description="whether it is known what the weights learnt from")

    @property
    def all_learnt_from(self) -> tuple[DataEntry, ...]:
        """Return the training pictures of this run, of those before it, and of its teacher."""
        before = self.past.learnt_from if self.past is not None else ()
        return tuple(dict.fromkeys((*self.learnt_from, *before, *self.taught_from)))

    @property
    def first_weights(self) -> WeightsEntry:
        """Return what the training, or the first of those before it, started from."""
        if self.past is not None:
            return self.past.weights
        weights = self.settings.weights
        if weights.suffix == ".yaml":
            return WeightsEntry(name=weights.name, licence=LICENCE, source="random weights")
        return given_weights(weights, known=self.weights_known)

    @property
    def as_past(self) -> Past:
        """Return what was before a training that goes on from this run's weights."""
        return Past(command=self.command, weights=self.first_weights, learnt_from=self.all_learnt_from)

    def before(self, command: str) -> Past:
        """Return what was before a run that a command makes from this one's model."""
        return self.as_past.model_copy(update={"command": f"{self.command} && {command}"})

    @property
    def command(self) -> str:
        """Return the command that repeats the run, sets by their names."""
        if self.past is not None:
            return self.past.command
        words = ["edgekit train detector OUT"]
        words += [f"--set {used.name}" for used in self.sets]
        for name, field in TrainSettings.model_fields.items():
            value = getattr(self.settings, name)
            if name == "masked":
                words += [] if value else ["--naive"]
            elif value != field.default:
                words.append(f"--{name.replace('_', '-')} {as_word(value)}")
        return " ".join(words)


def train_detector(
    settings: TrainSettings,
    sets: Sequence[DetectionSet],
    out: Path,
    *,
    resume: bool = False,
    skip_bad: bool = False,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    beginning: Beginning | None = None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """Train a detector and return its best checkpoint, `out/weights/best.pt`.

    Args:
        settings: What decides the training.
        sets: The sets; each class is learnt and scored only on the sets that label it.
        out: The run's folder: config, metrics by epoch and for TensorBoard, checkpoints, the report, and the pictures'
            links in `build/`.
        resume: Go on where the run in `out` was broken off.
        skip_bad: Leave out pictures and labels that cannot be used, and say so, instead of refusing.
        on_epoch: Called after each epoch.
        beginning: Where the run goes on with a model that was made for it.
        on_step: Called after each step with how many are done, and how many there are at most.

    Raises:
        EdgekitError: A set cannot be used, the weights are missing, `out` holds another run or one with other settings,
            or the loss became NaN.
    """
    _check_request(settings, sets)
    _check_folder(out, settings, sets, resume=resume, own=beginning.own if beginning is not None else frozenset())
    past = beginning.past if beginning is not None else read_config(out).past if resume else None
    teacher = beginning.teaching.teacher if beginning is not None and beginning.teaching is not None else None
    _prepare(out, settings, sets, skip_bad=skip_bad, past=past, teacher=teacher)

    from train import yolo_training as yolo  # noqa: PLC0415 - importing torch takes seconds; faults come first
    from train.detector_report import figures_of, write_run_report  # noqa: PLC0415
    from train.tensorboard_log import FOLDER, TensorBoardLog  # noqa: PLC0415

    records = EpochRecords(out / METRICS, EpochRecord)
    if resume:
        records.keep_first(yolo.check_resumable(out / LAST))

    board = TensorBoardLog(out / FOLDER, [figures_of(record) for record in records.read()])

    def tell() -> None:
        newest = records.read()[-1]
        board.add(figures_of(newest))
        if on_epoch is not None:
            on_epoch(newest)

    learning = Learning(
        out,
        settings,
        trainer_options(settings),
        {opened.description.name: opened.labelled_ids for opened in sets},
        resume=resume,
        skip_bad=skip_bad,
        teaching=beginning.teaching if beginning is not None else None,
    )
    if settings.processes == 1:
        best = learning.run(tell, on_step)
    else:
        best = learn_in_processes(learning, settings.processes, tell, on_step)
    write_run_report(out)
    return best


def _check_request(settings: TrainSettings, sets: Sequence[DetectionSet]) -> None:
    if not settings.weights.exists() and not is_described(str(settings.weights)):
        raise EdgekitError(
            f"there are no weights at {settings.weights}: name a checkpoint, or a model to begin with random weights, "
            "such as yolo11s.yaml (yolov8, yolo11 or yolo26; n, s, m, l or x); nothing is downloaded"
        )
    if settings.batch % settings.processes:
        raise EdgekitError(f"a batch of {settings.batch} cannot be shared out evenly to {settings.processes} processes")
    names = [opened.description.name for opened in sets]
    if not sets or len(set(names)) != len(names):
        raise EdgekitError(f"a training needs one or more sets of different names, not {names}")
    classes = sets[0].description.classes
    for opened in sets:
        if opened.description.classes != classes:
            raise EdgekitError(
                f"{opened.folder} has the classes {opened.description.classes}, {sets[0].folder} {classes}: sets that "
                "are trained together name the same classes in the same order; `labelled` says which of them they label"
            )


def _check_folder(
    out: Path, settings: TrainSettings, sets: Sequence[DetectionSet], *, resume: bool, own: frozenset[str]
) -> None:
    """Refuse a folder that holds something else than the run that is to go on."""
    check_folder(out, resume=resume, own=own)
    if resume:
        before = read_config(out)
        check_same_settings(out, before.settings, settings)
        check_same_sets(out, before.sets, sets)


def _prepare(
    out: Path,
    settings: TrainSettings,
    sets: Sequence[DetectionSet],
    *,
    skip_bad: bool,
    past: Past | None,
    teacher: Path | None,
) -> None:
    """Link the pictures and record what decides the run; leave nothing behind where a set cannot be used."""
    build = out / "build"
    try:
        shapes = Shapes.OUTLINES if settings.outlines else Shapes.BOXES
        taken = Taken(shapes, settings.most_pictures, settings.seed)
        skipped = assemble(sets, build, taken, skip_bad=skip_bad)
        config = RunConfig(
            settings=settings,
            sets=tuple(opened.description for opened in sets),
            skipped=tuple(skipped),
            learnt_from=tuple(learnt_from(opened, build) for opened in sets),
            past=past,
        )
        if past is None and settings.weights.suffix == ".pt":
            earlier = config_of(settings.weights)
            told = (
                {"past": earlier.before(config.command)} if earlier else {"weights_known": is_stock(settings.weights)}
            )
            config = config.model_copy(update=told)
        taught = config_of(teacher) if teacher is not None else None
        if taught is not None:
            config = config.model_copy(update={"taught_from": taught.all_learnt_from})
        (out / CONFIG).write_text(config.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
    except EdgekitError:
        shutil.rmtree(build, ignore_errors=True)
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()
        raise


def read_config(run: Path) -> RunConfig:
    """Read what decided a run.

    Raises:
        EdgekitError: The folder is no run, or its record is not valid.
    """
    return read_json(run / CONFIG, RunConfig, "training run", "name the folder that `edgekit train detector` wrote")


def config_of(checkpoint: Path) -> RunConfig | None:
    """Read what decided the run that a checkpoint is of: from its folder, or, of a copy, from the checkpoint itself.

    Returns:
        None where the checkpoint is of no finished run of this kit.

    Raises:
        EdgekitError: The run's record is not valid, or the checkpoint cannot be loaded safely.
    """
    run = checkpoint.parent.parent
    if checkpoint.name in _CHECKPOINTS and checkpoint.parent.name == "weights" and (run / CONFIG).exists():
        return read_config(run)
    from train.yolo_lineage import record_in  # noqa: PLC0415 - importing torch takes seconds

    text = record_in(checkpoint)
    if text is None:
        return None
    try:
        return RunConfig.model_validate_json(text)
    except ValidationError as exc:
        raise EdgekitError(f"{checkpoint} holds a record of its run that is not valid: take it from its run") from exc


def is_stock(checkpoint: Path) -> bool:
    """Say whether a checkpoint is one of those that Ultralytics gives away: it tells the classes of COCO.

    Raises:
        EdgekitError: It cannot be loaded safely.
    """
    from train.yolo_lineage import tells_coco  # noqa: PLC0415 - importing torch takes seconds

    return tells_coco(checkpoint)
