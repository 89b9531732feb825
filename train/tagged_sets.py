"""Public tagged sets in the kit's form, and the writing of any."""

import csv
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import (
    IMAGES,
    TAGS_RECORD,
    TAGS_TABLE,
    TaggedPicture,
    TaggedSet,
    TaggedSetDescription,
    open_tagged_set,
    write_table,
)
from edge.model.taxonomy import Attribute, Taxonomy
from edge.new_folder import new_folder
from train.sets import digest_of_files

GROCERY_STORE = "grocery-store"
_PARTS = ("train", "val")


def write_tagged_set(
    out: Path,
    *,
    name: str,
    licence: str,
    source: str,
    taxonomy: Taxonomy,
    pictures: Sequence[TaggedPicture],
    origin: Path,
) -> TaggedSet:
    """Copy pictures into a new tagged set, whole or not at all.

    Args:
        out: The new folder.
        name: Of the set.
        licence: Of its pictures, SPDX or `unstated`.
        source: Where they come from.
        taxonomy: Their attributes.
        pictures: Their paths as they are now; below `images/` they keep their place below `origin`.
        origin: A folder above all of them.

    Raises:
        EdgekitError: `out` exists, or a picture cannot be copied.
    """
    with new_folder(out) as partial:
        rows: list[TaggedPicture] = []
        for picture in pictures:
            target = partial / IMAGES / picture.path.relative_to(origin)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture.path, target)
            rows.append(replace(picture, path=target))
        write_table(partial / TAGS_TABLE, taxonomy.learnt, rows, partial / IMAGES)
        described = TaggedSetDescription(
            name=name,
            licence=licence,
            source=source,
            taxonomy=taxonomy,
            pictures=len(rows),
            digest=digest_of_tagged(partial),
        )
        (partial / TAGS_RECORD).write_text(described.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
    return open_tagged_set(out)


def digest_of_tagged(folder: Path) -> str:
    """Return sha256 over a tagged set's table, and names and contents of its pictures."""
    files = [folder / TAGS_TABLE, *(path for path in (folder / IMAGES).rglob("*") if path.is_file())]
    return digest_of_files({path.relative_to(folder).as_posix(): path for path in files})


def get_grocery_store(data: Path, out: Path) -> TaggedSet:
    """Copy the Grocery Store set into the kit's form: 81 products, their category, kind and packaging.

    Args:
        data: The folder that holds the set's folder.
        out: The new set's folder.

    Raises:
        EdgekitError: The set is not there or not whole, or `out` exists.
    """
    origin = data / GROCERY_STORE
    products = _products(origin)
    pictures = [picture for part in _PARTS for picture in _listed(origin, part, len(products))]
    kinds = _kinds(pictures, origin, len(products))
    taxonomy = Taxonomy(
        attributes=(
            Attribute(name="product", values=tuple(name for name, _ in products)),
            _following("category", [category for _, category in products]),
            _following("kind", kinds),
            _following("packaging", ["packed" if kind == "Packages" else "loose" for kind in kinds]),
        )
    )
    return write_tagged_set(
        out,
        name=GROCERY_STORE,
        licence="MIT",
        source="marcusklasson/GroceryStoreDataset (Klasson et al., WACV 2019)",
        taxonomy=taxonomy,
        pictures=pictures,
        origin=origin,
    )


def _products(origin: Path) -> list[tuple[str, str]]:
    """Return name and category of each product by its id."""
    path = origin / "classes.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row][1:]
        found = [(name, category) for name, _, category, _ in rows]
        ids = [int(row[1]) for row in rows]
    except (OSError, ValueError) as exc:
        raise EdgekitError(f"{path} cannot be read as the list of products: name the folder above with --from") from exc
    if ids != list(range(len(found))):
        raise EdgekitError(f"{path} does not count its products from 0 on: the download is not whole")
    return found


def _listed(origin: Path, part: str, products: int) -> list[TaggedPicture]:
    path = origin / f"{part}.txt"
    found: list[TaggedPicture] = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            name, product, _ = (cell.strip() for cell in line.split(","))
            picture = origin / name
            if not picture.is_file() or not 0 <= int(product) < products:
                raise EdgekitError(f"{path}, line {number}: {line!r} names no picture or no product that is there")
            found.append(TaggedPicture(picture, part, "", ((int(product),),)))
    except (OSError, ValueError) as exc:
        raise EdgekitError(f"{path} cannot be read as a list of pictures: {exc}") from exc
    return found


def _kinds(pictures: Sequence[TaggedPicture], origin: Path, products: int) -> list[str]:
    """Return each product's kind, the folder that its pictures are in: Fruit, Vegetables or Packages."""
    found: dict[int, str] = {}
    for picture in pictures:
        found[picture.tags[0][0]] = picture.path.relative_to(origin).parts[1]
    if len(found) != products:
        raise EdgekitError(f"{origin} has pictures of {len(found)} products, not of all {products}: it is not whole")
    return [found[index] for index in range(products)]


def _following(name: str, of_products: Sequence[str]) -> Attribute:
    values = tuple(dict.fromkeys(of_products))
    return Attribute(
        name=name, values=values, implied_by="product", follows=tuple(values.index(value) for value in of_products)
    )
