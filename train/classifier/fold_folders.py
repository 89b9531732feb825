"""The folder that `train folds` writes: a run for each fold, and what all of them come to."""

from pathlib import Path

from devices.errors import EdgekitError

FOLDS = "folds.json"  # written when all folds are trained and scored


def fold_folder(out: Path, fold: int) -> Path:
    """Return the folder of a fold's run."""
    return out / f"fold-{fold}"


def holds_folds(folder: Path) -> bool:
    """Return whether a folder is one of folds.

    Raises:
        EdgekitError: It is to become one, and some folds are not trained yet.
    """
    if (folder / FOLDS).exists():
        return True
    if fold_folder(folder, 0).exists():
        raise EdgekitError(f"{folder} lacks folds yet: go on with it by the `edgekit train folds` that began it")
    return False
