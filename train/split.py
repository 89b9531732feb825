"""A set dealt out anew to train, val and test, stratified by class, and so that nothing of one part is in another."""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from devices.errors import EdgekitError
from edge.evaluate.dataset import ALL_SPLITS, SPLITS, TEST, DetectionSet
from edge.evaluate.groups import GROUPS, Groups
from edge.evaluate.labels import read_labels
from edge.model.manifest import Sha256
from train.apportion import apportion
from train.grouping import heaps
from train.sets import describe

RECORD = "split.json"
_PERCENT = 100


class SplitSettings(BaseModel):
    """How a set is to be split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shares: tuple[float, float, float] = Field(description="percent of train, val and test")
    by: tuple[str, ...] = Field(description="headings whose groups stay together; empty for all that there are")
    pattern: str | None = None
    seed: int = 0


class SplitRecord(BaseModel):
    """`split.json`: how a set came to its parts."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.split/1"] = Field(default="edgekit.split/1", alias="schema")
    settings: SplitSettings
    by: tuple[str, ...] = Field(description="the headings whose groups stayed together")
    groups: int
    largest_group: int = Field(description="pictures")
    of: Sha256 = Field(description="digest that the set told of itself before")
    pictures: dict[str, int] = Field(description="by part")
    labels: dict[str, dict[str, int]] = Field(description="by part and class")


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture to deal out, and how many labels of each class it has."""

    path: Path
    labels: Counter[int]


def parse_shares(text: str) -> tuple[float, float, float]:
    """Return the shares of train, val and test, in percent.

    Raises:
        EdgekitError: They are not three numbers, one of train and val is 0, or they do not come to 100.
    """
    try:
        train, val, test = (float(word) for word in text.split(","))
    except ValueError as exc:
        raise EdgekitError(f"shares are three numbers for train, val and test, such as 70,15,15, not {text!r}") from exc
    if not (train > 0 and val > 0 and test >= 0 and abs(train + val + test - _PERCENT) < 1e-6):  # noqa: PLR2004
        raise EdgekitError(f"shares come to 100 and leave something to train and val, unlike {text!r}")
    return train, val, test


def split_set(
    opened: DetectionSet,
    out: Path,
    settings: SplitSettings,
    groups_file: Path | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> SplitRecord:
    """Write a new set of the same pictures, labels and classes in new parts; the old one is only read.

    Args:
        opened: The set; the parts that it has do not matter, but that it has no test part.
        out: The new folder; must not exist, and does not where the set cannot be split.
        settings: Shares, groups, seed.
        groups_file: More groups; see `known_groups`.
        advance: Called with steps as they are done, two a picture where pictures are compared.

    Raises:
        EdgekitError: The set has a test part or faults, a heading is unknown, or `out` exists or cannot be written.
    """
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    pictures = _pictures(opened)
    names = [picture.path.name for picture in pictures]
    kept = heaps(opened, names, settings.by, groups_file, settings.pattern, advance)
    parts = _deal(pictures, kept.members, opened, settings)
    description = opened.description
    record = SplitRecord(
        settings=settings,
        by=kept.by,
        groups=len(kept.members),
        largest_group=max(len(group) for group in kept.members),
        of=description.digest,
        pictures={split: len(of_part) for split, of_part in parts.items()},
        labels={
            split: {
                name: sum(picture.labels[description.classes.index(name)] for picture in of_part)
                for name in description.labelled
            }
            for split, of_part in parts.items()
        },
    )
    _write(opened, out, parts, kept.groups, record)
    return record


def _pictures(opened: DetectionSet) -> list[_Picture]:
    if opened.pictures(TEST):
        raise EdgekitError(
            f"{opened.folder} has a test part already: to split it again would teach what was kept apart; "
            "split the set that it was made of"
        )
    found: dict[str, Path] = {}
    for split in SPLITS:
        for path in opened.pictures(split):
            other = found.setdefault(path.stem, path)
            if other != path:
                raise EdgekitError(f"{other} and {path} would share one label file: rename one of them")
    classes = len(opened.description.classes)
    return [
        _Picture(path, Counter(label.class_id for label in read_labels(opened.label_file(path), classes)))
        for path in found.values()
    ]


def _deal(
    pictures: Sequence[_Picture], members: Sequence[Sequence[int]], opened: DetectionSet, settings: SplitSettings
) -> dict[str, list[_Picture]]:
    labelled = sorted(opened.labelled_ids)
    amounts = np.array(
        [[1.0, not picture.labels, *(picture.labels[class_id] for class_id in labelled)] for picture in pictures]
    )
    by_group = np.stack([amounts[list(group)].sum(axis=0) for group in members])
    wanted = [(split, share) for split, share in zip(ALL_SPLITS, settings.shares, strict=True) if share > 0]
    part = apportion(by_group, np.array([share for _, share in wanted]) / _PERCENT, settings.seed)
    return {
        split: [pictures[index] for group in np.flatnonzero(part == number).tolist() for index in members[group]]
        for number, (split, _) in enumerate(wanted)
    }


def _write(
    opened: DetectionSet, out: Path, parts: dict[str, list[_Picture]], groups: Groups, record: SplitRecord
) -> None:
    partial = out.with_name(f"{out.name}.partial")
    description = opened.description
    try:
        shutil.rmtree(partial, ignore_errors=True)
        for split, pictures in parts.items():
            for part in ("images", "labels"):
                (partial / part / split).mkdir(parents=True)
            for picture in pictures:
                label = opened.label_file(picture.path)
                shutil.copyfile(picture.path, partial / "images" / split / picture.path.name)
                shutil.copyfile(label, partial / "labels" / split / label.name)
        (partial / GROUPS).write_text(groups.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        (partial / RECORD).write_text(record.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
        describe(
            partial,
            name=description.name,
            licence=description.licence,
            source=description.source,
            labelled=description.labelled,
            classes=description.classes,
        )
        partial.rename(out)
    except OSError as exc:
        raise EdgekitError(f"cannot write {out}: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
