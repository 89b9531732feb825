"""Writing rendered pictures as a set: it appears whole or not at all, and never in place of something else."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from devices.errors import EdgekitError
from edge.evaluate.dataset import DESCRIPTION, SPLITS
from train.sets import describe
from train.synth.arrays import Image
from train.synth.regions import REGIONS, Unlabelled, regions_of
from train.synth.settings import RenderConfig
from train.synth.stage import LabelledBox

LICENCE = "CC0-1.0"


@dataclass(frozen=True, slots=True)
class SetPlan:
    """What a rendered set is to be.

    Attributes:
        name: Of the set; its pictures' names begin with it.
        source: How it was rendered, told in `dataset.json`.
        classes: In the order of their ids.
        count: Pictures in all splits together.
        val_share: Part of the pictures that goes into the split val.
        outlines: Label by outlines rather than by boxes.
        licence: SPDX expression, of all that is in the pictures.
        labelled: Classes that are labelled wherever they stand; None for all.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    count: int
    val_share: float
    outlines: bool = False
    licence: str = LICENCE
    labelled: tuple[str, ...] | None = None

    @classmethod
    def rendered(cls, kind: str, config: RenderConfig, classes: tuple[str, ...], *, outlines: bool) -> "SetPlan":
        """Return the plan of a set whose every pixel is rendered, named after its kind and seed."""
        told = json.dumps(config.model_dump(exclude={"seed"}), separators=(",", ":"))
        return cls(
            name=f"{kind}-{config.seed}",
            source=f"rendered by edgekit, seed {config.seed}, {told}",
            classes=classes,
            count=config.count,
            val_share=config.val_share,
            outlines=outlines,
        )

    def splits(self) -> Iterator[str]:
        """Yield the split of each picture: every so manyth goes into val."""
        for index in range(self.count):
            later, now = int((index + 1) * self.val_share), int(index * self.val_share)
            yield "val" if later > now else "train"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A rendered picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        boxes: What a detector should find.
        jpeg_quality: With which it is to be stored.
        unlabelled: What is known to stand there besides.
    """

    image: Image
    boxes: tuple[LabelledBox, ...]
    jpeg_quality: int
    unlabelled: tuple[Unlabelled, ...] = ()


def write_set(
    folder: Path,
    plan: SetPlan,
    render: Callable[[int], Picture],
    *,
    force: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Render a labelled set: `images/{train,val}`, `labels/{train,val}` (YOLO's text form) and `dataset.json`.

    Outlines and texts of all that stands in a picture lie in `regions/{train,val}`.

    Args:
        folder: The set's folder. It appears only when it is complete.
        plan: What the set is to be.
        render: Returns the picture of an index.
        force: Replace an earlier set of pictures there.
        advance: Called after each picture.

    Returns:
        Pictures and boxes by name.

    Raises:
        EdgekitError: The folder exists (without `force`, or it is no such set), or cannot be written.
    """
    if folder.exists() and not force:
        raise EdgekitError(f"{folder} exists; give another folder, or --force to replace it")
    if folder.exists() and not (folder / DESCRIPTION).is_file():
        raise EdgekitError(f"{folder} holds no set of pictures (no {DESCRIPTION} in it), so it is not replaced")
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        summary = _write_into(partial, plan, render, advance)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except OSError as exc:
        raise EdgekitError(f"cannot write the pictures to {folder}: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return summary


def _write_into(
    folder: Path, plan: SetPlan, render: Callable[[int], Picture], advance: Callable[[], None]
) -> dict[str, int]:
    summary: dict[str, int] = dict.fromkeys((*SPLITS, *plan.classes), 0)
    for kind in ("images", "labels", REGIONS):
        for split in SPLITS:
            (folder / kind / split).mkdir(parents=True)
    for index, split in enumerate(plan.splits()):
        picture = render(index)
        _write_picture(folder, split, f"{plan.name}-{index:06d}", picture, plan)
        summary[split] += 1
        for box in picture.boxes:
            summary[plan.classes[box.class_id]] += 1
        advance()
    labelled = plan.classes if plan.labelled is None else plan.labelled
    describe(folder, name=plan.name, licence=plan.licence, source=plan.source, labelled=labelled, classes=plan.classes)
    return summary


def _write_picture(folder: Path, split: str, name: str, picture: Picture, plan: SetPlan) -> None:
    coded = cv2.imencode(".jpg", picture.image, [cv2.IMWRITE_JPEG_QUALITY, picture.jpeg_quality])[1]
    (folder / "images" / split / f"{name}.jpg").write_bytes(coded.tobytes())
    height, width = picture.image.shape[:2]
    line = outline_line if plan.outlines else yolo_line
    lines = [line(box, width, height) for box in picture.boxes]
    (folder / "labels" / split / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    regions = regions_of(picture.boxes, plan.classes, picture.unlabelled).model_dump_json(by_alias=True)
    (folder / REGIONS / split / f"{name}.json").write_text(regions, encoding="utf-8")


def yolo_line(box: LabelledBox, width_px: int, height_px: int) -> str:
    """Return a box as YOLO writes it: class, centre x, centre y, width, height, relative to the picture."""
    left, top, right, bottom = box.xyxy
    numbers = ((left + right) / 2 / width_px, (top + bottom) / 2 / height_px)
    extent = ((right - left) / width_px, (bottom - top) / height_px)
    return f"{box.class_id} " + " ".join(f"{value:.6f}" for value in (*numbers, *extent)) + "\n"


def outline_line(box: LabelledBox, width_px: int, height_px: int) -> str:
    """Return an outline as YOLO writes it: class, then x and y of each corner, relative to the picture."""
    corners = (f"{x / width_px:.6f} {y / height_px:.6f}" for x, y in box.outline)
    return f"{box.class_id} {' '.join(corners)}\n"
