"""Takes out of a set what the doctor found, into a folder of its own beside the rest: nothing is ever deleted."""

import json
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet
from train.check.doctor import Examination
from train.check.findings import CheckReport, Kind
from train.locks import QUARANTINE
from train.sets import describe

MOVED = "moved.jsonl"


@dataclass(frozen=True, slots=True)
class Move:
    """A file that was moved.

    Attributes:
        file: Where it was, below the set's folder.
        to: Where it is.
        kinds: What it was moved for.
    """

    file: str
    to: str
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a fix came to: what was moved, and what is left to be mended by a person."""

    moves: tuple[Move, ...]
    left: CheckReport


def take_out(examination: Examination) -> Fixed:
    """Move what findings are about to the set's quarantine, with its labels, and describe the set anew.

    A file keeps its path below the quarantine's folder, so that it can be put back by hand; `moved.jsonl` says why it
    lies there.

    Args:
        examination: Of the set, with the findings that are to be mended.

    Raises:
        EdgekitError: No picture would be left, or a file cannot be moved; what was moved until then stays moved.
    """
    opened = examination.opened
    reasons: dict[str, list[Kind]] = {}
    for finding in examination.report.findings:
        for name in finding.take_out:
            kinds = reasons.setdefault(name, [])
            kinds += [] if finding.kind in kinds else [finding.kind]
    if reasons and all(look.name in reasons for look in examination.looks):
        raise EdgekitError(f"{opened.folder}: no picture would be left; mend the set, or name what to fix with --only")
    moves: list[Move] = []
    for name, kinds in sorted(reasons.items()):
        moves += [_move(opened, file, tuple(kinds)) for file in (name, *_labels_of(opened, name))]
    description = opened.description
    if reasons or examination.report.of_kind("stale-description"):
        describe(
            opened.folder,
            name=description.name,
            licence=description.licence,
            source=description.source,
            labelled=description.labelled,
            classes=description.classes,
        )
    return Fixed(tuple(moves), examination.without(reasons.keys()))


def _labels_of(opened: DetectionSet, name: str) -> tuple[str, ...]:
    """Return the label file that goes with a picture, if it is still there."""
    file = opened.label_file(opened.folder / name)
    return (file.relative_to(opened.folder).as_posix(),) if name.startswith("images/") and file.is_file() else ()


def _move(opened: DetectionSet, file: str, kinds: tuple[Kind, ...]) -> Move:
    folder = opened.folder / QUARANTINE
    target = _free(folder / file)
    move = Move(file, target.relative_to(opened.folder).as_posix(), kinds)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        (opened.folder / file).rename(target)
        with (folder / MOVED).open("a", encoding="utf-8") as record:
            record.write(json.dumps({"file": move.file, "to": move.to, "for": kinds}) + "\n")
    except OSError as exc:
        raise EdgekitError(f"cannot move {opened.folder / file} to {target}: {exc.strerror}") from exc
    return move


def _free(path: Path) -> Path:
    """Return the path, or where a file lies there from an earlier fix, the same with a number."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
