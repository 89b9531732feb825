"""Trains a baseline on the sets that a detector trains on, and scores it as the kit scores its own."""

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from devices.errors import EdgekitError
from edge.evaluate.average_precision import average_precision
from edge.evaluate.dataset import DetectionSet
from edge.evaluate.labels import read_labels
from edge.evaluate.outlines import outlines_of
from edge.evaluate.picture_result import PictureResult
from edge.model.manifest import DataEntry
from edge.model.picture import read_picture
from train.baselines.adapter import Baseline, create_baseline
from train.baselines.pictures import detect, learnt, mirrored
from train.baselines.settings import BaselineConfig, BaselineSettings
from train.checkpoints import keep
from train.detector import CONFIG
from train.diverged import DivergedError
from train.epochs import METRICS, EpochRecord, EpochRecords
from train.schedules import share_by_epoch
from train.sets import digest_of_files
from train.settings import Schedule

BEST = Path("weights") / "best.pt"
_MOST_NORM = 10.0  # of the gradient; larger ones are cut
Sample = tuple[DetectionSet, Path]


def train_baseline(
    settings: BaselineSettings,
    sets: Sequence[DetectionSet],
    out: Path,
    *,
    on_epoch: Callable[[EpochRecord], None] = lambda _record: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """Train a baseline and return its best checkpoint, a state dict.

    Args:
        settings: What decides the training.
        sets: They name the same classes, and each labels all that is to be learnt: a baseline knows no partial labels.
        out: The run's folder: config, metrics by epoch, the best checkpoint.
        on_epoch: Called after each epoch.
        on_step: Called after each step with how many are done, and how many there are.

    Raises:
        EdgekitError: A set cannot be used, `out` exists, or the loss became NaN.
    """
    classes = _check(settings, sets, out)
    samples = [(opened, path) for opened in sets for path in _drawn(opened, settings)]
    val = [(opened, path) for opened in sets for path in opened.pictures("val")]
    if not samples or not val:
        raise EdgekitError("a training needs pictures in images/train and in images/val")
    first, label = samples[0][1], samples[0][0].label_file(samples[0][1])
    learnt(first, label, len(classes), settings.input_px)  # a fault is told before anything is written
    torch.manual_seed(settings.seed)
    baseline = create_baseline(settings.kind, len(classes), settings.input_px)
    (out / BEST).parent.mkdir(parents=True)
    config = BaselineConfig(
        settings=settings,
        sets=tuple(opened.description for opened in sets),
        learnt_from=tuple(_learnt_from(opened, settings) for opened in sets),
    )
    (out / CONFIG).write_text(config.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
    records = EpochRecords(out / METRICS, EpochRecord)
    best = -1.0
    for record in _epochs(baseline, settings, classes, samples, val, on_step):
        records.add(record)
        score = next(iter(record.scores.values()))
        if score > best:
            best = score
            with keep(out / BEST) as new:
                torch.save(baseline.module.state_dict(), new)
        on_epoch(record)
    return out / BEST


def _epochs(
    baseline: Baseline,
    settings: BaselineSettings,
    classes: Sequence[str],
    samples: Sequence[Sample],
    val: Sequence[Sample],
    on_step: Callable[[int, int], None],
) -> Any:
    """Yield what each epoch came to."""
    optimiser = torch.optim.AdamW(
        baseline.module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps = math.ceil(len(samples) / settings.batch)
    share = share_by_epoch(Schedule.COSINE, 0.01, settings.epochs)
    for epoch in range(1, settings.epochs + 1):
        chance = random.Random(settings.seed * 10_000 + epoch)  # noqa: S311 - repeatable on purpose
        order = chance.sample(list(samples), len(samples))
        baseline.module.train()
        total, norm = 0.0, 0.0
        for step in range(steps):
            for group in optimiser.param_groups:
                # Rises over the first half epoch, since the heads begin with random weights.
                warm = min(1.0, 2 * ((epoch - 1) * steps + step + 1) / steps)
                group["lr"] = settings.learning_rate * warm * share(epoch - 1 + step / steps)
            batch = order[step * settings.batch : (step + 1) * settings.batch]
            loss = baseline.loss(*_batch(batch, settings, len(classes), chance))
            if not torch.isfinite(loss):
                raise DivergedError(f"the loss became NaN or infinite in epoch {epoch}: lower the learning rate")
            optimiser.zero_grad()
            loss.backward()
            norm = float(torch.nn.utils.clip_grad_norm_(baseline.module.parameters(), _MOST_NORM))
            optimiser.step()
            total += float(loss.detach())
            on_step((epoch - 1) * steps + step + 1, settings.epochs * steps)
        yield _scored(baseline, settings, classes, val).model_copy(
            update={
                "epoch": epoch,
                "losses": {"loss": total / steps},
                "learning_rate": float(optimiser.param_groups[0]["lr"]),
                "gradient_norm": norm,
            }
        )


def _batch(batch: Sequence[Sample], settings: BaselineSettings, classes: int, chance: random.Random) -> Any:
    pictures: list[torch.Tensor] = []
    labels: list[Any] = []
    for opened, path in batch:
        picture, objects = learnt(path, opened.label_file(path), classes, settings.input_px)
        if chance.random() < settings.flip:
            picture, objects = mirrored(picture, objects)
        if settings.kind.needs_outlines and objects.masks is None:
            raise EdgekitError(
                f"{opened.label_file(path)} has boxes without outlines: {settings.kind.value} needs them"
            )
        pictures.append(picture)
        labels.append(objects)
    return torch.stack(pictures), labels


def _scored(
    baseline: Baseline, settings: BaselineSettings, classes: Sequence[str], val: Sequence[Sample]
) -> EpochRecord:
    """Return the average precisions on val, by the scorer that `edgekit evaluate` uses."""
    results: list[PictureResult] = []
    for opened, path in val:
        image = read_picture(path)
        height, width = image.shape[:2]
        labels = list(read_labels(opened.label_file(path), len(classes)))
        centres = np.array([label.cxcywh for label in labels], np.float32).reshape(-1, 4) * ([width, height] * 2)
        corners = np.concatenate([centres[:, :2] - centres[:, 2:] / 2, centres[:, :2] + centres[:, 2:] / 2], axis=1)
        found = detect(baseline, image, settings.input_px)
        outlines = outlines_of(labels, found.masks, height, width)
        ids = np.array([label.class_id for label in labels], np.int32)
        results.append(PictureResult(corners.astype(np.float32), ids, found, outlines))
    ids = range(len(classes))
    boxes = {classes[class_id]: score for class_id, score in average_precision(results, ids).items()}
    with_masks = settings.kind.gives_masks and all(result.outlines is not None for result in results)
    masks = average_precision(results, ids, "masks") if with_masks else {}
    return EpochRecord(
        epoch=0,
        losses={},
        learning_rate=0.0,
        ap50={name: score.map50 for name, score in boxes.items()},
        ap={name: score.map50_95 for name, score in boxes.items()},
        mask_ap50={classes[class_id]: score.map50 for class_id, score in masks.items()},
        mask_ap={classes[class_id]: score.map50_95 for class_id, score in masks.items()},
    )


def _check(settings: BaselineSettings, sets: Sequence[DetectionSet], out: Path) -> tuple[str, ...]:
    if not sets:
        raise EdgekitError(f"{settings.kind.value} needs a set to learn from: name one with --set")
    if out.exists() and any(out.iterdir()):
        raise EdgekitError(f"{out} holds something already: choose another folder, or remove it")
    classes, labelled = sets[0].description.classes, sets[0].labelled_ids
    for opened in sets:
        if opened.description.classes != classes or opened.labelled_ids != labelled:
            raise EdgekitError(
                f"{opened.folder} labels other classes than {sets[0].folder}: a baseline would take what is not "
                "labelled for absent; train it on sets that label the same"
            )
    return classes


def _drawn(opened: DetectionSet, settings: BaselineSettings) -> list[Path]:
    pictures = opened.pictures("train")
    if settings.most_pictures is None or len(pictures) <= settings.most_pictures:
        return pictures
    return sorted(random.Random(settings.seed).sample(pictures, settings.most_pictures))  # noqa: S311 - repeatable


def _learnt_from(opened: DetectionSet, settings: BaselineSettings) -> DataEntry:
    used, pictures = opened.description, _drawn(opened, settings)
    files = [*pictures, *(opened.label_file(path) for path in pictures)]
    digest = digest_of_files({path.name: path for path in files})
    return DataEntry(name=used.name, licence=used.licence, source=used.source, digest=digest, pictures=len(pictures))
