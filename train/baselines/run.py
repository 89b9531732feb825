"""A baseline's training from request to folder: checked, linked, trained, resumed, reported, and opened again."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from train.assembly import Shapes, Taken, assemble, learnt_from
from train.baselines.adapter import Baseline, create_baseline
from train.baselines.pictures import Sample
from train.baselines.report import write_baseline_report
from train.baselines.settings import BaselineConfig, BaselineSettings, read_baseline_config
from train.baselines.training import BaselineTraining
from train.checkpoints import cannot_write, load_state
from train.detector_report import figures_of
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.run_folders import BEST, CONFIG, check_folder, check_same_sets, check_same_settings
from train.steps import counted
from train.tensorboard_log import FOLDER, TensorBoardLog


def train_baseline(
    settings: BaselineSettings,
    sets: Sequence[DetectionSet],
    out: Path,
    *,
    resume: bool = False,
    skip_bad: bool = False,
    on_epoch: Callable[[EpochRecord], None] = lambda _record: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """Train a baseline and return its best checkpoint, a state dict.

    Args:
        settings: What decides the training.
        sets: They name the same classes, and each labels all that is to be learnt: a baseline knows no partial labels.
        out: The run's folder: config, metrics by epoch and for TensorBoard, checkpoints, the report, and the pictures'
            links in `build/`.
        resume: Go on where the run in `out` was broken off.
        skip_bad: Leave out pictures and labels that cannot be used, and say so.
        on_epoch: Called after each epoch.
        on_step: Called after each step with how many are done, and how many there are.

    Raises:
        EdgekitError: A set cannot be used, `out` holds another run or one with other settings, or the loss became NaN.
    """
    classes = _check_sets(settings, sets)
    check_folder(out, resume=resume)
    if resume:
        before = read_baseline_config(out)
        check_same_settings(out, before.settings, settings)
        check_same_sets(out, before.sets, sets)
    _prepare(out, settings, sets, skip_bad=skip_bad)
    learn, val = samples_of(out, sets, "train"), samples_of(out, sets, "val")
    torch.manual_seed(settings.seed)
    baseline = create_baseline(settings.kind, len(classes), settings.input_px)
    training = BaselineTraining(baseline, settings, classes, learn=learn, val=val, skip_bad=skip_bad)
    records = EpochRecords(out / METRICS, EpochRecord)
    if resume:
        training.resume(out)
        records.keep_first(training.epochs_done)
    board = TensorBoardLog(out / FOLDER, [figures_of(record) for record in records.read()])
    step = counted(on_step, training.epochs_done * training.steps, settings.epochs * training.steps)
    while training.epochs_done < settings.epochs:
        record = training.run_epoch(step)
        records.add(record)
        training.save(out, record)
        board.add(figures_of(record))
        on_epoch(record)
    write_baseline_report(out, open_baseline(out).baseline)
    return out / BEST


def samples_of(out: Path, sets: Sequence[DetectionSet], split: str) -> list[Sample]:
    """Return the pictures of a split as they are linked below a run's folder."""
    names = [opened.description.name for opened in sets]
    pictures = [path for name in names for path in sorted((out / "build" / "images" / split / name).iterdir())]
    labels = out / "build" / "labels" / split
    return [Sample(path, labels / path.parent.name / f"{path.stem}.txt") for path in pictures]


def _check_sets(settings: BaselineSettings, sets: Sequence[DetectionSet]) -> tuple[str, ...]:
    if not sets:
        raise EdgekitError(f"{settings.kind.value} needs a set to learn from: name one with --set")
    names = [opened.description.name for opened in sets]
    if len(set(names)) != len(names):
        raise EdgekitError(f"a training needs sets of different names, not {names}")
    classes, labelled = sets[0].description.classes, sets[0].labelled_ids
    for opened in sets:
        if opened.description.classes != classes or opened.labelled_ids != labelled:
            raise EdgekitError(
                f"{opened.folder} labels other classes than {sets[0].folder}: a baseline would take what is not "
                "labelled for absent; train it on sets that label the same"
            )
    return classes


def _prepare(out: Path, settings: BaselineSettings, sets: Sequence[DetectionSet], *, skip_bad: bool) -> None:
    """Link the pictures and record what decides the run; leave nothing behind where a set cannot be used."""
    build = out / "build"
    shapes = Shapes.OUTLINES if settings.kind.needs_outlines else Shapes.AS_LABELLED
    try:
        taken = Taken(shapes, settings.most_pictures, settings.seed)
        skipped = assemble(sets, build, taken, skip_bad=skip_bad)
        config = BaselineConfig(
            settings=settings,
            sets=tuple(opened.description for opened in sets),
            learnt_from=tuple(learnt_from(opened, build) for opened in sets),
            skipped=tuple(skipped),
        )
        (out / "weights").mkdir(exist_ok=True)
        (out / CONFIG).write_text(config.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
    except EdgekitError:
        shutil.rmtree(build, ignore_errors=True)
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()
        raise
    except OSError as exc:
        raise EdgekitError(cannot_write(out, exc)) from exc


@dataclass(frozen=True, slots=True)
class BaselineRun:
    """A trained baseline: what decided it, its model, and the sha256 of its weights."""

    config: BaselineConfig
    baseline: Baseline
    digest: str


def open_baseline(run: Path) -> BaselineRun:
    """Open the best checkpoint of a baseline's training.

    Raises:
        EdgekitError: The folder is no such run, or its checkpoint is missing, or holds anything else than its weights.
    """
    config = read_baseline_config(run)
    settings = config.settings
    baseline = create_baseline(settings.kind, len(config.sets[0].classes), settings.input_px, started=False)
    path = run / BEST
    state = load_state(path)
    try:
        baseline.module.load_state_dict(state)
    except RuntimeError as exc:
        raise EdgekitError(f"{path} is not of this run: train it anew") from exc
    baseline.module.eval()
    return BaselineRun(config, baseline, hashlib.sha256(path.read_bytes()).hexdigest())
