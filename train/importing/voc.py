"""Pascal VOC: one XML file a picture, boxes in pixels, and outlines where a tool writes them."""

from pathlib import Path
from xml.etree.ElementTree import Element

from devices.errors import EdgekitError
from train.importing.found import SPLIT_OF, Findings, FoundObject, FoundPicture, number, picture_below
from train.importing.xml_files import child_text, read_xml


def read_voc(source: Path, images: Path | None) -> Findings:
    """Read the `Annotations` of a VOC folder, its `JPEGImages`, and its splits where `ImageSets/Main` names them.

    Args:
        source: The folder above `Annotations`, or a folder of XML files.
        images: The folder of pictures, if not `JPEGImages` or the XML files' own.

    Raises:
        EdgekitError: There is no XML file.
    """
    annotations = source / "Annotations" if (source / "Annotations").is_dir() else source
    beside = source / "JPEGImages"
    folder = images or (beside if beside.is_dir() else source)
    files = sorted(annotations.glob("*.xml"))
    if not files:
        raise EdgekitError(f"{annotations} holds no XML file: name the folder above Annotations")
    splits = _splits(source / "ImageSets" / "Main")
    found = Findings()
    for path in files:
        found.attempt(lambda path=path: _picture(path, folder, splits.get(path.stem, "train")))
    found.classes = found.names_seen()
    return found


def _picture(path: Path, folder: Path, split: str) -> FoundPicture:
    root = read_xml(path)
    where = str(path)
    size = root.find("size")
    size_px = None
    if size is not None:
        size_px = (number(child_text(size, "width", where), where), number(child_text(size, "height", where), where))
    return FoundPicture(
        path=picture_below(folder, child_text(root, "filename", where), where),
        where=where,
        objects=tuple(_object(one, where) for one in root.iter("object")),
        split=split,
        size_px=size_px if size_px and all(size_px) else None,  # some tools write 0 for what they do not know
        in_pixels=True,
    )


def _object(element: Element, where: str) -> FoundObject:
    name = child_text(element, "name", where)
    polygon = element.find("polygon")
    if polygon is not None and len(polygon) >= 6 and len(polygon) % 2 == 0:  # noqa: PLR2004 - three corners
        values = {child.tag: number(child.text, where) for child in polygon}
        corners = [(values.get(f"x{i}"), values.get(f"y{i}")) for i in range(1, len(polygon) // 2 + 1)]
        outline = tuple((x, y) for x, y in corners if x is not None and y is not None)
        if len(outline) < len(corners):
            raise EdgekitError(f"{where}: the <polygon> of a {name} is not x1, y1, x2, y2, ...")
        return FoundObject(name, outline)
    box = element.find("bndbox")
    if box is None:
        raise EdgekitError(f"{where}: an object {name} has no <bndbox>")
    left, top, right, bottom = (
        number(child_text(box, edge, where), where) for edge in ("xmin", "ymin", "xmax", "ymax")
    )
    return FoundObject(name, ((left, top), (right, bottom)))


def _splits(folder: Path) -> dict[str, str]:
    splits: dict[str, str] = {}
    for name in ("train", "val", "test"):
        path = folder / f"{name}.txt"
        if path.is_file():
            rows = path.read_text(encoding="utf-8", errors="replace").splitlines()
            splits |= {row.split()[0]: SPLIT_OF[name] for row in rows if row.strip()}
    return splits
