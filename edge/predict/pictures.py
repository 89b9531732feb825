"""Which pictures are meant by the files and folders that somebody names, and what their results are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.dataset import PICTURES


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture on disk.

    Attributes:
        path: The file.
        saved_as: Where its picture with what was found goes, below the folder that is asked for; always a JPEG.
    """

    path: Path
    saved_as: Path


def find_pictures(named: Sequence[Path]) -> list[PictureFile]:
    """Return the pictures among files and folders, those of a folder and its folders in the order of their names.

    A file that is named is taken whatever its ending.

    Raises:
        EdgekitError: Something named is not there, a folder holds no picture, or two would be saved under one name.
    """
    found: list[PictureFile] = []
    for path in named:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in PICTURES and one.is_file())
            if not inside:
                raise EdgekitError(f"{path} holds no picture ({', '.join(sorted(PICTURES))})")
            found += [PictureFile(one, _as_jpeg(one.relative_to(path))) for one in inside]
        elif path.is_file():
            found.append(PictureFile(path, _as_jpeg(Path(path.name))))
        else:
            raise EdgekitError(f"there is no picture or folder at {path}")
    return found


def check_names(pictures: Sequence[PictureFile]) -> None:
    """Check that no two pictures would be saved under one name.

    Raises:
        EdgekitError: Two would.
    """
    taken: dict[Path, Path] = {}
    for picture in pictures:
        other = taken.setdefault(picture.saved_as, picture.path)
        if other != picture.path:
            raise EdgekitError(
                f"{other} and {picture.path} would both be saved as {picture.saved_as}: name the folder above both"
            )


def _as_jpeg(path: Path) -> Path:
    return path if path.suffix.lower() == ".jpg" else path.with_name(f"{path.name}.jpg")
