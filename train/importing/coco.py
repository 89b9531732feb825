"""COCO's instances: one JSON file for all pictures of a split, boxes and outlines in pixels."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from pydantic import Field

from devices.errors import EdgekitError
from train.importing.found import SPLIT_OF, Findings, FoundObject, FoundPicture, picture_below
from train.importing.json_files import Foreign, read_foreign, read_row


class _Image(Foreign):
    id: int
    file_name: str
    width: float | None = None
    height: float | None = None


class _Annotation(Foreign):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    segmentation: Any = None
    iscrowd: int = 0


class _Category(Foreign):
    id: int
    name: str = Field(min_length=1)


class _Instances(Foreign):
    images: list[Any]
    annotations: list[Any]
    categories: list[_Category]


def read_coco(source: Path, images: Path | None) -> Findings:
    """Read COCO's instances from a JSON file, or from all of a folder (or its `annotations`).

    A file's split is in its name (`instances_val2017.json`) or its folder's (Roboflow's `valid`).

    Args:
        source: The file or the folder.
        images: The folder of pictures, if they do not lie beside their JSON file or in a folder of their split's name.

    Raises:
        EdgekitError: There is no JSON file, one is no COCO instances, or two disagree on the classes.
    """
    files = [source] if source.is_file() else sorted(source.rglob("*.json"))
    if not files:
        raise EdgekitError(f"{source} holds no JSON file")
    found = Findings()
    for path in files:
        content: _Instances = read_foreign(path, _Instances, "file of COCO instances")
        names = {category.id: category.name for category in sorted(content.categories, key=lambda one: one.id)}
        if found.classes and tuple(names.values()) != found.classes:
            raise EdgekitError(f"{path} has the classes {', '.join(names.values())}, others {', '.join(found.classes)}")
        found.classes = tuple(names.values())
        _read_file(content, names, path, images or _pictures_of(path, source), found)
    return found


def _read_file(content: _Instances, names: dict[int, str], path: Path, folder: Path, found: Findings) -> None:
    by_image: dict[int, list[Any]] = defaultdict(list)
    ids = {image.get("id") for image in content.images if isinstance(image, dict) and isinstance(image.get("id"), int)}
    for index, row in enumerate(content.annotations):
        image_id: object = row.get("image_id") if isinstance(row, dict) else None
        if isinstance(image_id, int) and image_id in ids:
            by_image[image_id].append((f"{path}, annotation {index}", row))
        else:
            found.faults.append(f"{path}, annotation {index}: its picture {image_id!r} is not among the images")

    def picture(row: Any, where: str) -> FoundPicture:
        image = read_row(row, _Image, where)
        objects = [_object(read_row(one, _Annotation, place), names, place) for place, one in by_image[image.id]]
        return FoundPicture(
            path=picture_below(folder, image.file_name, where),
            where=where,
            objects=tuple(objects),
            split=_split(path),
            size_px=(image.width, image.height) if image.width and image.height else None,
            in_pixels=True,
        )

    for index, row in enumerate(content.images):
        found.attempt(lambda row=row, index=index: picture(row, f"{path}, image {index}"))


def _object(row: _Annotation, names: dict[int, str], where: str) -> FoundObject:
    if row.category_id not in names:
        raise EdgekitError(f"{where}: category {row.category_id} is not among the categories")
    if row.iscrowd:
        raise EdgekitError(f"{where}: a crowd is no single object: label its members, or leave the picture out")
    x, y, width, height = row.bbox
    # One part with three corners or more is an outline; several parts or a mask leave the box.
    match row.segmentation:
        case [[*numbers]] if len(numbers) >= 6 and len(numbers) % 2 == 0:  # noqa: PLR2004
            values = [float(value) for value in numbers if isinstance(value, int | float)]
            if len(values) == len(numbers):
                return FoundObject(names[row.category_id], tuple(zip(values[::2], values[1::2], strict=True)))
        case _:
            pass
    return FoundObject(names[row.category_id], ((x, y), (x + width, y + height)))


def _split(path: Path) -> str:
    text = f"{path.stem} {path.parent.name}".lower()
    return next((split for name, split in SPLIT_OF.items() if name in text), "train")


def _pictures_of(path: Path, source: Path) -> Path:
    """Return the folder in which the pictures of a JSON file most likely lie."""
    above = source if source.is_dir() else path.parent
    year = path.stem.removeprefix("instances_")
    places = (above / year, above / "images" / year, above.parent / year, above / "images" / _split(path))
    return next((place for place in (*places, above / "images") if place.is_dir()), path.parent)
