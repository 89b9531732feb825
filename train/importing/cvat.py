"""CVAT's own XML for images, version 1.1: boxes and polygons in pixels."""

import math
from pathlib import Path
from xml.etree.ElementTree import Element

from devices.errors import EdgekitError
from train.importing.found import SPLIT_OF, Findings, FoundObject, FoundPicture, Point, number, picture_below
from train.importing.xml_files import attributes, read_xml

_SHAPES = frozenset({"box", "polygon", "polyline", "points", "mask", "ellipse", "cuboid", "skeleton"})


def read_cvat(source: Path, images: Path | None) -> Findings:
    """Read an `annotations.xml` of CVAT, with its pictures in `images` beside it or where `images` says.

    Args:
        source: The XML file, or the folder that holds `annotations.xml`.
        images: The folder of pictures.

    Raises:
        EdgekitError: It is no such file, or the form for videos, whose tracks belong to no pictures on disk.
    """
    path = source / "annotations.xml" if source.is_dir() else source
    root = read_xml(path)
    if root.tag != "annotations":
        raise EdgekitError(f"{path} is no export of CVAT: its root is <{root.tag}>, not <annotations>")
    if root.find("track") is not None:
        raise EdgekitError(f"{path} is in CVAT's form for videos: export it as `CVAT for images 1.1`")
    beside = path.parent / "images"
    folder = images or (beside if beside.is_dir() else path.parent)
    found = Findings()
    for element in root.iter("image"):
        found.attempt(lambda element=element: _picture(element, folder, path))
    declared = [(label.findtext("name") or "").strip() for label in root.iter("label")]
    found.classes = tuple(name for name in dict.fromkeys(declared) if name) or found.names_seen()
    return found


def _picture(element: Element, folder: Path, path: Path) -> FoundPicture:
    name = element.get("name", "")
    where = f"{path}, image {name!r}"
    width, height = attributes(element, ("width", "height"), where)
    return FoundPicture(
        path=picture_below(folder, name, where),
        where=where,
        objects=tuple(_object(one, where) for one in element if one.tag in _SHAPES),
        split=SPLIT_OF.get(element.get("subset", "").lower(), "train"),
        size_px=(width, height),
        in_pixels=True,
    )


def _object(element: Element, where: str) -> FoundObject:
    name = element.get("label", "")
    if element.tag == "box":
        left, top, right, bottom = attributes(element, ("xtl", "ytl", "xbr", "ybr"), where)
        degrees = number(element.get("rotation", "0"), where)
        if degrees % 360 == 0:
            return FoundObject(name, ((left, top), (right, bottom)))
        middle = ((left + right) / 2, (top + bottom) / 2)
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        return FoundObject(name, tuple(turned(corner, middle, degrees) for corner in corners))
    if element.tag != "polygon":
        raise EdgekitError(f"{where}: a {element.tag} is neither a box nor a polygon: convert or remove it in CVAT")
    pairs = [pair.split(",") for pair in element.get("points", "").split(";")]
    if len(pairs) < 3 or any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - three corners of two numbers
        raise EdgekitError(f"{where}: a polygon is `x,y;x,y;x,y…`, not {element.get('points', '')[:40]!r}")
    return FoundObject(name, tuple((number(x, where), number(y, where)) for x, y in pairs))


def turned(point: Point, middle: Point, degrees: float) -> Point:
    """Return a point (x, y) turned clockwise, as a picture shows it, around another."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = point[0] - middle[0], point[1] - middle[1]
    return middle[0] + x * cosine - y * sine, middle[1] + x * sine + y * cosine
