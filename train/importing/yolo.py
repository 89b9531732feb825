"""YOLO's text labels: `data.yaml`, `classes.txt` or `obj.names`, and one text file a picture."""

from pathlib import Path
from typing import Any

import yaml

from devices.errors import EdgekitError
from edge.evaluate.dataset import PICTURES
from edge.evaluate.labels import read_labels
from train.importing.found import SPLIT_OF, Findings, FoundObject, FoundPicture

_LISTS = ("classes.txt", "obj.names", "_darknet.labels")


def read_yolo(source: Path, images: Path | None) -> Findings:
    """Read a folder of pictures and YOLO labels, in any of the usual layouts.

    Labels lie beside their picture, or in a folder `labels` in the place of the folder `images`. The split is in the
    name of a folder. A picture without a label file is one that nobody has labelled.

    Args:
        source: The folder that holds `data.yaml`, `classes.txt` or `obj.names`.
        images: The folder of pictures, if not everything below `source`.

    Raises:
        EdgekitError: There are no class names, or no pictures.
    """
    found = Findings(classes=_classes(source))
    folder = images or source
    pictures = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
    if not pictures:
        raise EdgekitError(f"{folder} holds no picture")
    for path in pictures:
        found.attempt(lambda path=path: _picture(path, folder, found.classes))
    return found


def _classes(source: Path) -> tuple[str, ...]:
    yamls = [source / name for name in ("data.yaml", "data.yml", "dataset.yaml") if (source / name).is_file()]
    if yamls:
        return _names_in(yamls[0])
    for name in _LISTS:
        path = source / name
        if path.is_file():
            rows = [row.strip() for row in path.read_text(encoding="utf-8", errors="replace").splitlines()]
            return tuple(row for row in rows if row)
    raise EdgekitError(f"{source} names no classes: it needs data.yaml, {' or '.join(_LISTS[:2])}")


def _names_in(path: Path) -> tuple[str, ...]:
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as exc:
        raise EdgekitError(f"{path} cannot be read as YAML: {str(exc).splitlines()[0]}") from exc
    names: Any = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(name, str | int) for name in names):
        raise EdgekitError(f"{path} has no `names`, a list of classes or one by id from 0")
    return tuple(str(name) for name in names)


def _picture(path: Path, folder: Path, classes: tuple[str, ...]) -> FoundPicture:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise EdgekitError(f"{path} is a link out of {folder}")
    parts = list(path.relative_to(folder).parts)
    split = next((SPLIT_OF[part.lower()] for part in parts[:-1] if part.lower() in SPLIT_OF), "train")
    label = path.with_suffix(".txt")
    if "images" in parts[:-1]:
        place = len(parts) - 2 - parts[:-1][::-1].index("images")
        parts[place] = "labels"
        label = folder.joinpath(*parts).with_suffix(".txt")
    if not label.is_file():
        return FoundPicture(path, str(path), None, split)
    objects: list[FoundObject] = []
    for row in read_labels(label, len(classes)):
        x, y, width, height = row.cxcywh
        corners = row.polygon or ((x - width / 2, y - height / 2), (x + width / 2, y + height / 2))
        objects.append(FoundObject(classes[row.class_id], corners))
    return FoundPicture(path, str(label), tuple(objects), split)
