"""What the tags of a parcel stand for: a site's own list of products, kept as a table that a spreadsheet can write."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devices.errors import EdgekitError
from edge.printable import printable
from edge.tags.events import Tag, TagSource
from edge.tags.gtin import gtin_of

_NEEDED = ("value", "product")
_ATTRIBUTES = ("brand", "category", "location")
_COLUMNS = ("tag", *_NEEDED, *_ATTRIBUTES)
_USUAL_TAG = "code"
_GTIN_KEY = "gtin"
_GTIN_LENGTHS = (8, 12, 13, 14)
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Product:
    """A line of a catalogue: the product's name, and what else is known of it by `brand`, `category`, `location`."""

    name: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Products by tag.

    Attributes:
        products: By (key, value) of a tag.
        by_gtin: By the GTIN-14 of those whose code is one, so that a UPC-A is found where its EAN-13 is listed.
        digest: sha256 of the file, None where there is none.
    """

    products: Mapping[tuple[str, str], Product] = field(default_factory=dict[tuple[str, str], Product])
    by_gtin: Mapping[str, Product] = field(default_factory=dict[str, Product])
    digest: str | None = None

    def product_of(self, tags: Sequence[Tag]) -> Product | None:
        """Return the one product that tags stand for; None where none is known, or they stand for several.

        Args:
            tags: Of one parcel. Other tags than codes and GTINs are asked only where these find nothing.
        """
        coded = [tag for tag in tags if tag.key in (_USUAL_TAG, _GTIN_KEY)]
        found = [product for product in map(self._find, coded) if product is not None]
        if not found:
            others = (self._find(tag) for tag in tags if tag not in coded)
            found = [product for product in others if product is not None]
        return found[0] if found and all(product == found[0] for product in found) else None

    def _find(self, tag: Tag) -> Product | None:
        product = self.products.get((tag.key, tag.value))
        if product is not None:
            return product
        if tag.key == _GTIN_KEY:
            return self.by_gtin.get(tag.value)
        gtin = gtin_of(tag.value, tag.symbology) if tag.symbology is not None else None
        return self.by_gtin.get(gtin) if gtin is not None else None


def tags_of(product: Product) -> tuple[Tag, ...]:
    """Return what a catalogue knows of a product, as tags."""
    return tuple(Tag(key, value, 1.0, TagSource.CATALOGUE) for key, value in product.attributes.items())


def load_catalogue(path: Path) -> Catalogue:
    """Read a catalogue: a CSV file in UTF-8 whose first line names its columns.

    Columns are `value` and `product`, and where wanted `tag` (`code` where it is absent or empty), `brand`, `category`,
    `location`. Empty lines are passed over.

    Raises:
        EdgekitError: It cannot be read, or a line of it is not as it should be; names line and remedy.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as exc:
        raise EdgekitError(f"cannot read the catalogue {path}: {exc.strerror}") from exc
    if len(content) > _MOST_BYTES:
        raise EdgekitError(
            f"the catalogue {path} has more than {_MOST_BYTES // 1024 // 1024} MiB: leave out what is not seen"
        )
    try:
        text = content.decode("utf-8-sig")  # spreadsheets like to begin with a mark
    except UnicodeDecodeError as exc:
        raise EdgekitError(f"the catalogue {path} is no UTF-8 text: save it as CSV UTF-8") from exc
    products: dict[tuple[str, str], Product] = {}
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = _columns(next(rows, []), path)
        for row in rows:
            if any(cell.strip() for cell in row):
                key, product = _entry(row, columns, f"{path}, line {rows.line_num}")
                if key in products:
                    raise EdgekitError(f"{path}, line {rows.line_num}: {' '.join(key)} stands there twice")
                products[key] = product
    except csv.Error as exc:
        raise EdgekitError(f"{path}, line {rows.line_num}: {exc}") from exc
    return Catalogue(products, _by_gtin(products, path), hashlib.sha256(content).hexdigest())


def _columns(header: Sequence[str], path: Path) -> list[str]:
    names = [name.strip().lower() for name in header]
    unknown = [printable(name) for name in names if name not in _COLUMNS]
    if unknown or len(set(names)) != len(names) or not set(_NEEDED) <= set(names):
        raise EdgekitError(
            f"the first line of {path} must name the columns value and product, and may name {', '.join(_COLUMNS)}, "
            f"each once, separated by commas; it says {printable(','.join(header))[:200] or 'nothing'}"
        )
    return names


def _entry(row: Sequence[str], columns: Sequence[str], where: str) -> tuple[tuple[str, str], Product]:
    if len(row) != len(columns):
        raise EdgekitError(
            f"{where} has {len(row)} cells, the first line {len(columns)}: put a cell with a comma in quotes"
        )
    cells = {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
    for name, cell in cells.items():
        if printable(cell) != cell:
            raise EdgekitError(f"{where}: {name} holds a character that cannot be shown: {printable(cell)}")
    for name in _NEEDED:
        if not cells[name]:
            raise EdgekitError(f"{where} has no {name}")
    attributes = {name: cells[name] for name in _ATTRIBUTES if cells.get(name)}
    return (cells.get("tag") or _USUAL_TAG, cells["value"]), Product(cells["product"], attributes)


def _by_gtin(products: Mapping[tuple[str, str], Product], path: Path) -> dict[str, Product]:
    """Return products by GTIN-14.

    Raises:
        EdgekitError: Two lines name one GTIN, as a UPC-A and an EAN-13 say, and not one product.
    """
    found: dict[str, Product] = {}
    for (key, value), product in products.items():
        gtin = _gtin(key, value)
        if gtin is not None and found.setdefault(gtin, product) != product:
            raise EdgekitError(f"{path}: {key} {value} is GTIN {gtin}, which stands there twice: keep one line of it")
    return found


def _gtin(key: str, value: str) -> str | None:
    if key not in (_USUAL_TAG, _GTIN_KEY) or len(value) not in _GTIN_LENGTHS:
        return None
    return gtin_of(value, "EAN13")
