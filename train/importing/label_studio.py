"""Label Studio's JSON export: rectangles and polygons in percent of the picture."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from devices.errors import EdgekitError
from train.importing.cvat import turned
from train.importing.found import Findings, FoundObject, FoundPicture, picture_below
from train.importing.json_files import Foreign, read_foreign, read_row

_LABELS = ("rectanglelabels", "polygonlabels", "labels")


class _Value(Foreign):
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    rotation: float = 0
    points: list[tuple[float, float]] | None = None
    rectanglelabels: list[str] | None = None
    polygonlabels: list[str] | None = None
    labels: list[str] | None = None


class _Result(Foreign):
    type: str
    value: _Value
    original_width: float | None = None
    original_height: float | None = None


class _Annotation(Foreign):
    result: list[Any]
    was_cancelled: bool = False
    ground_truth: bool = False


class _Task(Foreign):
    data: dict[str, Any]
    annotations: list[_Annotation]


def read_label_studio(source: Path, images: Path | None) -> Findings:
    """Read an export of Label Studio (`JSON`, not `JSON-MIN`).

    A task without annotations is a picture that nobody has labelled.

    Args:
        source: The JSON file.
        images: The folder of pictures; the file's own if not given.

    Raises:
        EdgekitError: It is no such file.
    """
    tasks: list[Any] = read_foreign(source, list[Any], "list of Label Studio's tasks")
    folder = images or source.parent
    found = Findings()
    for index, row in enumerate(tasks):
        where = f"{source}, task {index}"
        found.attempt(lambda row=row, where=where: _picture(read_row(row, _Task, where), folder, where))
    found.classes = found.names_seen()
    return found


def _picture(task: _Task, folder: Path, where: str) -> FoundPicture:
    valid = [one for one in task.annotations if not one.was_cancelled]
    chosen = [one for one in valid if one.ground_truth] or valid
    if len(chosen) > 1:
        raise EdgekitError(f"{where}: {len(chosen)} people labelled it, none as ground truth: compare and choose first")
    path = picture_below(folder, _name(task.data, folder, where), where)
    if not chosen:
        return FoundPicture(path, where, None)
    results = [read_row(row, _Result, where) for row in chosen[0].result if _is_shape(row)]
    return FoundPicture(path, where, tuple(_object(one, where) for one in results))


def _is_shape(row: Any) -> bool:
    """Whether a row is a region; choices, texts and relations are not."""
    return not isinstance(row, dict) or row.get("type") not in {"choices", "textarea", "rating", "relation", "number"}


def _name(data: dict[str, Any], folder: Path, where: str) -> str:
    """Return the name of a task's picture: the path of a local file, or the last part of a URL."""
    urls = [data["image"]] if isinstance(data.get("image"), str) else [v for v in data.values() if isinstance(v, str)]
    if len(urls) != 1:
        raise EdgekitError(f"{where}: which of {', '.join(data) or 'nothing'} is the picture? name it `image`")
    parts = urlsplit(urls[0])
    local = parse_qs(parts.query).get("d")
    path = unquote(local[0] if local else parts.path)
    return path if (local and (folder / path).is_file()) else path.rsplit("/", 1)[-1]


def _object(result: _Result, where: str) -> FoundObject:
    value = result.value
    names = next((labels for key in _LABELS if (labels := getattr(value, key))), None)
    if names is None or len(names) != 1:
        raise EdgekitError(f"{where}: a region has one label, not {len(names or ())}")
    if value.points is not None and result.type.startswith("polygon"):
        return FoundObject(names[0], tuple((x / 100, y / 100) for x, y in value.points))
    if result.type not in {"rectanglelabels", "rectangle"}:
        raise EdgekitError(f"{where}: a {result.type} is neither a rectangle nor a polygon")
    if value.x is None or value.y is None or value.width is None or value.height is None:
        raise EdgekitError(f"{where}: a rectangle lacks x, y, width or height")
    left, top, right, bottom = value.x, value.y, value.x + value.width, value.y + value.height
    if value.rotation % 360 == 0:
        return FoundObject(names[0], ((left / 100, top / 100), (right / 100, bottom / 100)))
    if not result.original_width or not result.original_height:
        raise EdgekitError(f"{where}: a turned rectangle lacks original_width and original_height")
    across, down = result.original_width / 100, result.original_height / 100
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    turned_px = [turned((x * across, y * down), (left * across, top * down), value.rotation) for x, y in corners]
    return FoundObject(names[0], tuple((x / result.original_width, y / result.original_height) for x, y in turned_px))
