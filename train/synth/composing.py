"""A training set of scenes with cut-outs of rare things pasted into them; it says where all of it comes from.

All of it goes into the split train: a measure has to come from pictures that somebody took.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from devices.errors import EdgekitError
from edge.evaluate.dataset import DESCRIPTION, PICTURES, DetectionSet, open_set
from edge.evaluate.labels import Label, read_labels
from edge.model.picture import read_picture
from train.synth.arrays import Image
from train.synth.cut_outs import CutOuts, CutOutSource, Origin, origin_of_files, origin_of_set
from train.synth.pasting import Prepared, box_of, lit, outline_of, paste, prepared
from train.synth.regions import RegionRecord, read_regions
from train.synth.settings import PasteConfig
from train.synth.stage import LabelledBox
from train.synth.writing import Picture, SetPlan, write_set

_TRIES = 20  # at a place where a thing hides no other
_MOST_HIDDEN = 0.1  # of anything labelled, so that its label stays true
_LEAST_LONGER_PX = 16.0


@dataclass(frozen=True, slots=True)
class Scenes:
    """Pictures to paste into: of a set, whose labels stay, or of a plain folder that shows nothing of the classes."""

    pictures: tuple[Path, ...]
    labelled: DetectionSet | None
    origin: Origin

    def labels(self, picture: Path) -> list[Label]:
        """Return what is labelled in a scene."""
        if self.labelled is None:
            return []
        return list(read_labels(self.labelled.label_file(picture), len(self.labelled.description.classes)))

    def known(self, picture: Path) -> tuple[RegionRecord, ...]:
        """Return what a rendered scene's own record says of what is labelled there; nothing of any other scene."""
        if self.labelled is None:
            return ()
        classes, labels = self.labelled.description.classes, self.labels(picture)
        told = read_regions(self.labelled.folder, "train", picture.stem)[: len(labels)]
        # A label that was drawn by hand since has no record, and which of the others is whose is not known any more.
        return told if [one.kind for one in told] == [classes[label.class_id] for label in labels] else ()


def find_scenes(folder: Path, licence: str | None) -> Scenes:
    """Find the scenes of a set's training part, or of a folder of pictures.

    Raises:
        EdgekitError: There are none, or a plain folder comes without a licence.
    """
    if (folder / DESCRIPTION).is_file():
        opened = open_set(folder)
        scenes = Scenes(tuple(opened.pictures("train")), opened, origin_of_set(opened))
    else:
        files = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURES)
        if not files:
            raise EdgekitError(f"{folder} holds no picture to paste into: name a set, or a folder of pictures")
        scenes = Scenes(tuple(files), None, origin_of_files(folder, files, licence))
    if not scenes.pictures:
        raise EdgekitError(f"{folder} holds no picture in images/train to paste into")
    return scenes


def write_pasted(
    folder: Path,
    config: PasteConfig,
    cut_outs: Sequence[CutOuts],
    scenes: Scenes,
    *,
    outlines: bool = False,
    force: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Paste cut-outs into scenes and write the result as a set; see `write_set`.

    Raises:
        EdgekitError: The scenes may show a pasted class without labelling it, or, with `outlines`, have boxes alone.
    """
    by_class: dict[str, list[CutOutSource]] = {}
    for source in (source for some in cut_outs for source in some.sources):
        by_class.setdefault(source.class_name, []).append(source)
    classes, labelled = _classes(scenes, sorted(by_class))
    origins = [*(some.origin for some in cut_outs), scenes.origin]
    told = {"cut-outs": [asdict(some.origin) for some in cut_outs], "scenes": asdict(scenes.origin)}
    settings = config.model_dump(exclude={"seed"})
    plan = SetPlan(
        name=f"pasted-{config.seed}",
        source=f"pasted by edgekit, seed {config.seed}, {json.dumps({**settings, **told}, separators=(',', ':'))}",
        classes=classes,
        count=config.count,
        val_share=0.0,
        outlines=outlines,
        licence=_together([origin.licence for origin in origins]),
        labelled=labelled,
    )

    def compose(index: int) -> Picture:
        return composed(config, index, by_class, scenes, classes, outlines=outlines)

    return write_set(folder, plan, compose, force=force, advance=advance)


def composed(
    config: PasteConfig,
    index: int,
    by_class: dict[str, list[CutOutSource]],
    scenes: Scenes,
    classes: Sequence[str],
    *,
    outlines: bool,
) -> Picture:
    """Compose one picture; it depends on the seed and its index alone, not on the pictures before it.

    Classes are drawn evenly, however many cut-outs each has. A thing is pasted where it hides next to nothing that is
    labelled; where no such place is found it is left out.
    """
    rng = np.random.default_rng([config.seed, index])
    scene = scenes.pictures[int(rng.integers(len(scenes.pictures)))]
    canvas = read_picture(scene)
    boxes = _kept(scenes, scene, canvas, outlines=outlines)
    first = 1 + max((box.carton for box in boxes), default=-1)
    names = sorted(by_class)
    for number in range(int(rng.integers(1, config.most + 1))):
        name = names[int(rng.integers(len(names)))]
        source = by_class[name][int(rng.integers(len(by_class[name])))]
        longer_px = max(_LEAST_LONGER_PX, rng.uniform(*config.size) * min(canvas.shape[:2]))
        thing = prepared(source.cut(), longer_px, math.radians(rng.uniform(-config.degrees, config.degrees)))
        place = _place(rng, canvas, thing, boxes)
        if place is None:
            continue
        left, top = place
        height, width = thing.cover.shape
        seen = lit(rng, thing, canvas[top : top + height, left : left + width])
        paste(canvas, seen, left, top)
        outline = outline_of(seen, left, top)
        boxes.append(LabelledBox(classes.index(name), box_of(seen, left, top), first + number, outline))
    return Picture(canvas, tuple(boxes), int(rng.integers(75, 97)))


def _place(
    rng: np.random.Generator, canvas: Image, thing: Prepared, boxes: Sequence[LabelledBox]
) -> tuple[int, int] | None:
    """Return a left upper corner for a thing, wholly in the picture, None where it would hide what is labelled."""
    height, width = thing.cover.shape
    free_x, free_y = canvas.shape[1] - width, canvas.shape[0] - height
    if free_x < 0 or free_y < 0 or not thing.solid.any():
        return None
    for _ in range(_TRIES):
        left, top = int(rng.integers(free_x + 1)), int(rng.integers(free_y + 1))
        own = box_of(thing, left, top)
        if all(_hidden(box.xyxy, own) <= _MOST_HIDDEN for box in boxes):
            return left, top
    return None


def _hidden(box: tuple[float, float, float, float], by: tuple[float, float, float, float]) -> float:
    """Return which share of a box another one hides."""
    across = min(box[2], by[2]) - max(box[0], by[0])
    down = min(box[3], by[3]) - max(box[1], by[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return max(0.0, across) * max(0.0, down) / area if area > 0 else 1.0


def _kept(scenes: Scenes, scene: Path, canvas: Image, *, outlines: bool) -> list[LabelledBox]:
    """Return the labels that a scene came with, and of a rendered one what is printed there."""
    labels = scenes.labels(scene)
    boxes = [_kept_one(label, number, canvas, scene, outlines=outlines) for number, label in enumerate(labels)]
    known = scenes.known(scene)
    return (
        [replace(box, carton=one.article, text=one.text) for box, one in zip(boxes, known, strict=True)]
        if known
        else boxes
    )


def _kept_one(label: Label, number: int, canvas: Image, scene: Path, *, outlines: bool) -> LabelledBox:
    height, width = canvas.shape[:2]
    if outlines and label.polygon is None:
        raise EdgekitError(f"{scene} is labelled by boxes alone: leave --outlines out, or take scenes with outlines")
    x, y, across, down = label.cxcywh
    left, top = max(0.0, x - across / 2) * width, max(0.0, y - down / 2) * height
    right, bottom = min(1.0, x + across / 2) * width, min(1.0, y + down / 2) * height
    outline = tuple((min(max(u, 0.0), 1.0) * width, min(max(v, 0.0), 1.0) * height) for u, v in label.polygon or ())
    return LabelledBox(label.class_id, (left, top, right, bottom), number, outline)


def _classes(scenes: Scenes, pasted: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all classes, those of the scenes first, and which of them are labelled wherever they stand."""
    if scenes.labelled is None:
        return tuple(pasted), tuple(pasted)
    told = scenes.labelled.description
    unsure = [name for name in pasted if name in told.classes and name not in told.labelled]
    if unsure:
        raise EdgekitError(
            f"{scenes.labelled.folder} does not label {', '.join(unsure)}, so that its pictures may show it without "
            "a label: paste into scenes that label it, or that cannot show it"
        )
    new = tuple(name for name in pasted if name not in told.classes)
    return (*told.classes, *new), (*told.labelled, *new)


def _together(licences: Sequence[str]) -> str:
    """Return one SPDX expression for what is made of several works: all of their terms hold."""
    parts = dict.fromkeys(
        part for licence in licences for part in licence.replace("unstated", "LicenseRef-unstated").split(" AND ")
    )
    return " AND ".join(part.replace("LicenseRef-LicenseRef-", "LicenseRef-") for part in parts)
