"""The folder of a run: free for a new one, or holding the very run that is to go on."""

import shutil
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from pydantic import BaseModel

from devices.errors import EdgekitError
from edge.evaluate.dataset import DetectionSet, SetDescription

CONFIG = "config.json"  # all that decided it
LAST = Path("weights") / "last.pt"  # written after each epoch; from it a run goes on
BEST = Path("weights") / "best.pt"


def check_folder(out: Path, *, resume: bool, own: frozenset[str] = frozenset()) -> None:
    """Refuse a folder that holds something already, or to resume where nothing was begun.

    Args:
        out: The run's folder.
        resume: Whether its run is to go on.
        own: Names of what may lie there before a run begins.

    Raises:
        EdgekitError: So it is.
    """
    begun = (out / LAST).exists()
    if resume and not begun:
        raise EdgekitError(f"there is nothing to resume in {out}: no epoch was finished; train into a new folder")
    if not resume and out.exists() and any(entry.name not in own for entry in out.iterdir()):
        remedy = "go on with it by --resume" if begun else "remove it"
        raise EdgekitError(f"{out} holds a run already: choose another folder, or {remedy}")


def copy_best(run: Path, to: Path) -> None:
    """Copy what a run decided and its best checkpoint into a new folder, from which it can be loaded like the run.

    Raises:
        OSError: It cannot be read or written.
    """
    (to / BEST).parent.mkdir(parents=True)
    for name in (CONFIG, BEST):
        shutil.copyfile(run / name, to / name)


def check_same_settings(out: Path, before: BaseModel, now: BaseModel) -> None:
    """Refuse to go on with a run by other settings than it was begun with.

    Raises:
        EdgekitError: Some differ; all of them are named.
    """
    changed = [name for name in type(now).model_fields if getattr(before, name) != getattr(now, name)]
    if changed:
        told = ", ".join(f"{name} {as_word(getattr(before, name))}" for name in changed)
        raise EdgekitError(f"the run in {out} was begun with {told}: resume it with the same settings")


def check_same_sets(out: Path, before: Sequence[SetDescription], now: Sequence[DetectionSet]) -> None:
    """Refuse to go on with a run on other sets, or other pictures in them.

    Raises:
        EdgekitError: So it is.
    """
    if tuple(before) != tuple(opened.description for opened in now):
        raise EdgekitError(f"the run in {out} was begun with other sets or other pictures in them: train anew")


def as_word(value: object) -> str:
    """Return a setting as it is written on a command line."""
    match value:
        case Path():
            return value.name
        case Enum():
            return str(value.value)
        case _:
            return str(value)
