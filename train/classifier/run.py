"""One training of a classifier from request to folder: divided, read, trained, recorded, resumed where it broke off."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from devices.errors import EdgekitError
from edge.evaluate.dataset import PICTURES
from edge.evaluate.tagged_set import TaggedPicture, TaggedSet
from edge.model.manifest import DataEntry
from train.allocation import keep_memory
from train.checkpoints import cannot_write
from train.classifier.folds import kept_out_by_fold
from train.classifier.pictures import read_pictures
from train.classifier.record import ClassifierEpoch, figures_of
from train.classifier.settings import ClassifierConfig, ClassifierSettings, read_classifier_config, require_same
from train.classifier.start import start_network
from train.classifier.teacher import Teacher
from train.classifier.training import Training
from train.classifier.unseen import require_same_division, require_unseen
from train.epochs import METRICS, EpochRecords
from train.run_folders import BEST, CONFIG, check_folder
from train.steps import counted
from train.tensorboard_log import FOLDER, TensorBoardLog

# What lies in the folder of a run that was broken off before its first epoch ended.
BEGUN = frozenset({CONFIG, METRICS, BEST.parent.name, FOLDER})
MARGIN = 8 / 7  # pictures are kept a little larger than the input, so that crops lose no detail


@dataclass(frozen=True, slots=True)
class Division:
    """The pictures that a run learns from, and those that it is scored on."""

    learn: tuple[TaggedPicture, ...]
    held: tuple[TaggedPicture, ...]


@dataclass(frozen=True, slots=True)
class Commission:
    """A training that another command has ordered.

    Attributes:
        command: The one that repeats the run.
        own: Names of files and folders that may lie in the run's folder before its first epoch ends.
    """

    command: str
    own: frozenset[str]


def divide(tagged_set: TaggedSet, settings: ClassifierSettings) -> Division:
    """Return a set's train and val parts, or all folds of its train part but one, and that one.

    Raises:
        EdgekitError: One of the two is empty, or a picture cannot be read.
    """
    train = tagged_set.part("train")
    if settings.folds is None:
        division = Division(train, tagged_set.part("val"))
    else:
        held = kept_out_by_fold(train, settings.folds)[settings.fold]
        division = Division(tuple(picture for picture in train if picture not in set(held)), held)
    if not division.learn or not division.held:
        raise EdgekitError(f"{tagged_set.folder}: a training needs pictures to learn from and others to be scored on")
    return division


def divide_as(run: Path, tagged_set: TaggedSet) -> Division:
    """Return how the set of a run was divided, so that what it is scored on is what it never learnt.

    Args:
        run: Its folder.
        tagged_set: The set that it learnt from.

    Raises:
        EdgekitError: As `divide`, or the run kept out a fold of another division, as another version of the kit makes.
    """
    config = read_classifier_config(run)
    division = divide(tagged_set, config.settings)
    if config.settings.folds is not None and learnt_from(tagged_set, division.learn) != config.learnt_from:
        raise EdgekitError(
            f"{run} learnt from pictures of {tagged_set.folder} that fold {config.settings.fold} of "
            f"{config.settings.folds} keeps out now, so a score on them would be a memory: train its folds anew"
        )
    return division


def train_classifier(
    settings: ClassifierSettings,
    tagged_set: TaggedSet,
    out: Path,
    *,
    resume: bool = False,
    skip_bad: bool = False,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
    on_epoch: Callable[[ClassifierEpoch], None] = lambda _: None,
    commission: Commission | None = None,
) -> Path:
    """Train a classifier and return its best checkpoint.

    Args:
        settings: What decides the training.
        tagged_set: The pictures and their tags.
        out: The run's folder: `config.json`, `metrics.jsonl`, `weights/`, `tensorboard/`.
        resume: Go on where the run in `out` was broken off.
        skip_bad: Leave out pictures that cannot be read, and record them.
        on_step: Called after each step with how many are done, and how many there are.
        on_epoch: Called after each epoch's checkpoint.
        commission: By what command, where that is another than `train classifier`.

    Raises:
        EdgekitError: A picture, the weights or a teacher cannot be used, one of them has seen the fold that is kept
            out, `out` holds another run, or the loss became NaN.
    """
    check_folder(out, resume=resume, own=commission.own if commission is not None else frozenset())
    keep_memory()
    config, training = _prepare(settings, tagged_set, skip_bad=skip_bad, commission=commission)
    records = EpochRecords(out / METRICS, ClassifierEpoch)
    if resume:
        require_same(read_classifier_config(out), config, out)
        training.resume(out)
    else:
        _begin(out, config)
    records.keep_first(training.epochs_done)
    board = TensorBoardLog(out / FOLDER, [figures_of(record) for record in records.read()])
    step = counted(on_step, training.epochs_done * training.steps, settings.schedule.epochs * training.steps)
    while training.epochs_done < settings.schedule.epochs:
        record = training.run_epoch(step)
        records.add(record)
        training.save(out, record)
        board.add(figures_of(record))
        on_epoch(record)
    return out / BEST


def _prepare(
    settings: ClassifierSettings, tagged_set: TaggedSet, *, skip_bad: bool, commission: Commission | None
) -> tuple[ClassifierConfig, Training]:
    """Read what a training needs, and return what decides it and its state before the first epoch."""
    taxonomy = tagged_set.description.taxonomy
    require_unseen(settings, tagged_set.description)
    division = divide(tagged_set, settings)
    side = max(settings.input_px, round(settings.learning_px * MARGIN))
    learn, skipped = read_pictures(division.learn, taxonomy, side, skip_bad=skip_bad)
    held, skipped_held = read_pictures(division.held, taxonomy, settings.input_px, skip_bad=skip_bad)
    learnt = learnt_from(tagged_set, learn.tagged)
    require_same_division(settings, learnt)
    teacher = None
    if settings.teaching.teachers:
        teacher = Teacher(settings.teaching.teachers, taxonomy, bf16=settings.precision != "f32")
    torch.manual_seed(settings.seed)
    start = start_network(settings.network, taxonomy)
    config = ClassifierConfig(
        settings=settings,
        tagged_set=tagged_set.description,
        learnt_from=learnt,
        teachers=teacher.digests if teacher is not None else (),
        skipped=(*skipped, *skipped_held),
        command=commission.command if commission is not None else None,
        weights=start.weights,
        past=start.past,
        channels=dict(start.channels) if start.channels is not None else None,
    )
    training = Training(
        start.network,
        settings,
        taxonomy,
        learn=learn,
        held=held,
        teacher=teacher,
        unlabelled=_unlabelled(settings, side),
    )
    return config, training


def _begin(out: Path, config: ClassifierConfig) -> None:
    try:
        (out / BEST).parent.mkdir(parents=True, exist_ok=True)
        (out / CONFIG).write_text(config.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
    except OSError as exc:
        raise EdgekitError(cannot_write(out, exc)) from exc


def learnt_from(tagged_set: TaggedSet, pictures: tuple[TaggedPicture, ...]) -> DataEntry:
    """Return what of a set is really learnt from."""
    total = hashlib.sha256()
    for picture in pictures:
        name = picture.path.relative_to(tagged_set.folder).as_posix()
        total.update(f"{name} {picture.tags} {hashlib.sha256(picture.path.read_bytes()).hexdigest()}\n".encode())
    described = tagged_set.description
    return DataEntry(
        name=described.name,
        licence=described.licence,
        source=described.source,
        digest=total.hexdigest(),
        pictures=len(pictures),
    )


def _unlabelled(settings: ClassifierSettings, side: int) -> torch.Tensor:
    """Return the pictures that only the teacher says something of.

    Raises:
        EdgekitError: There is no teacher, or no picture that can be read.
    """
    folder = settings.teaching.unlabelled
    if folder is None:
        return torch.empty(0, 3, side, side, dtype=torch.uint8)
    if not settings.teaching.teachers:
        raise EdgekitError("pictures without tags need a teacher: name one with --teacher")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    from edge.model.taxonomy import Attribute, Taxonomy  # noqa: PLC0415

    nothing = Taxonomy(attributes=(Attribute(name="none", values=("a", "b"), multiple=True),))
    rows = [TaggedPicture(path, "train", "", ((),)) for path in paths]
    return read_pictures(rows, nothing, side)[0].images
